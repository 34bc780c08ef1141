use super::*;
use rstest::rstest;

#[rstest]
#[case("carrier,number,origin", Some(Format::Airside))]
#[case("\u{feff}\"Carrier\",number", Some(Format::Airside))]
#[case("flight_number,source", Some(Format::Prototype))]
#[case("price, Flight_Number", Some(Format::Prototype))]
#[case("1AIRLINE STANDARD SCHEDULE DATA SET", Some(Format::Ssim))]
#[case("a,b", None)]
#[case("", None)]
fn the_first_line_tells_the_format(#[case] line: &str, #[case] format: Option<Format>) {
    assert_eq!(Format::of_first_line(line.as_bytes()), format);
}

#[test]
fn a_format_that_is_named_is_not_guessed() {
    let line = b"flight_number,source";
    let error = Reader::new(Some(Format::Airside), line, &Defaults::default()).unwrap_err();
    assert_eq!(error, HeaderError::Missing("carrier".to_owned()));
    let reader = Reader::new(Some(Format::Ssim), line, &Defaults::default()).unwrap();
    assert_eq!(reader.format(), Format::Ssim);
}

#[test]
fn a_file_of_no_format_names_all() {
    let error = Reader::new(None, b"a,b", &Defaults::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file is none of airside, prototype, ssim by its first line: the header has no column carrier"
    );
}
