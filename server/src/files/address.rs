//! Where files are kept, as the settings say it.

use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// A folder, or a part of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `file:///path`
    Folder(PathBuf),
    /// `s3://bucket/prefix?endpoint=…&region=…`
    S3 {
        /// The bucket.
        bucket: String,
        /// What the names of all files begin with: `/` or `/prefix`.
        root: String,
        /// Where the service is; Amazon's where it is not said.
        endpoint: Option<String>,
        /// The region.
        region: Option<String>,
    },
}

/// Why an address is not taken. It is not repeated, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error(
        "write it as file:///path/to/folder or s3://bucket/prefix?endpoint=https://host&region=name"
    )]
    Form,
    /// It has a user or a password.
    #[error("credentials do not stand in the address; set files.access_key and files.secret_key")]
    Credentials,
    /// It has a parameter that there is not.
    #[error("there is no parameter `{0}`; there are endpoint, region")]
    Parameter(String),
    /// The endpoint is no address of HTTP.
    #[error("endpoint: write it as https://host or http://host:port")]
    Endpoint,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url: Url = text.parse().map_err(|_| AddressError::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        match url.scheme() {
            "file" if url.query().is_none() => {
                let path = url.to_file_path().map_err(|()| AddressError::Form)?;
                Ok(Self::Folder(path))
            }
            "s3" => {
                let bucket = url.host_str().ok_or(AddressError::Form)?.to_owned();
                let (mut endpoint, mut region) = (None, None);
                for (name, value) in url.query_pairs() {
                    match &*name {
                        "endpoint" => endpoint = Some(value.into_owned()),
                        "region" => region = Some(value.into_owned()),
                        _ => return Err(AddressError::Parameter(name.into_owned())),
                    }
                }
                let is_http = |text: &String| {
                    let url = text.parse::<Url>();
                    url.is_ok_and(|url| {
                        matches!(url.scheme(), "http" | "https")
                            && url.username().is_empty()
                            && url.password().is_none()
                    })
                };
                if endpoint.as_ref().is_some_and(|text| !is_http(text)) {
                    return Err(AddressError::Endpoint);
                }
                let prefix = url.path().trim_matches('/');
                Ok(Self::S3 {
                    bucket,
                    root: format!("/{prefix}"),
                    endpoint,
                    region,
                })
            }
            _ => Err(AddressError::Form),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_folder_and_a_bucket_are_read() {
        let folder: Address = "file:///var/lib/air%20side".parse().unwrap();
        assert_eq!(folder, Address::Folder("/var/lib/air side".into()));
        let bucket: Address =
            "s3://flights/airside/?endpoint=http://127.0.0.1:9000&region=eu-west-1"
                .parse()
                .unwrap();
        assert_eq!(
            bucket,
            Address::S3 {
                bucket: "flights".to_owned(),
                root: "/airside".to_owned(),
                endpoint: Some("http://127.0.0.1:9000".to_owned()),
                region: Some("eu-west-1".to_owned()),
            }
        );
        assert!(matches!(
            "s3://flights".parse().unwrap(),
            Address::S3 { root, endpoint: None, region: None, .. } if root == "/"
        ));
    }

    #[rstest]
    #[case("/var/lib/airside", "write it as file:///path")]
    #[case("https://host/bucket", "write it as file:///path")]
    #[case("file://host/path", "write it as file:///path")]
    #[case("s3://", "write it as file:///path")]
    #[case("s3://key:secret@bucket", "credentials do not stand in the address")]
    #[case("s3://bucket?secret=1", "there is no parameter `secret`")]
    #[case("s3://bucket?endpoint=host", "endpoint: write it as")]
    #[case("s3://bucket?endpoint=http://k:secret@host", "endpoint: write it as")]
    fn what_is_no_address_is_told(#[case] text: &str, #[case] expected: &str) {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("=1") && !error.contains("k:secret"));
    }
}
