//! The one error of all parsing here, and the glue that makes a text type out of a parser.

use std::borrow::Cow;

/// Why a text is not a value of the type that was asked for; the message is fit for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(Cow<'static, str>);

impl ParseError {
    /// An error with a message for the person who typed the text.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

/// Gives a type with `FromStr` and `Display` its serde form (a string) and, for the server, its schema.
macro_rules! text_type {
    ($type:ty, $schema:literal, $example:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        const _: () = {
            fn describe(schema: &mut poem_openapi::registry::MetaSchema) {
                schema.example = Some(serde_json::Value::from($example));
            }
            crate::parse::schema_glue!($type, {
                let mut schema =
                    poem_openapi::registry::MetaSchema::new_with_format("string", $schema);
                describe(&mut schema);
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new(schema))
            });

            impl poem_openapi::types::ParseFromParameter for $type {
                fn parse_from_parameter(value: &str) -> poem_openapi::types::ParseResult<Self> {
                    value
                        .parse()
                        .map_err(poem_openapi::types::ParseError::custom)
                }
            }
        };
    };
}

/// poem-openapi's traits through serde, with the schema given.
#[cfg(feature = "openapi")]
macro_rules! schema_glue {
    ($type:ty, $schema:expr) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                $schema
            }

            fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                Some(self)
            }

            fn raw_element_iter<'a>(
                &'a self,
            ) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl poem_openapi::types::ParseFromJSON for $type {
            fn parse_from_json(
                value: Option<serde_json::Value>,
            ) -> poem_openapi::types::ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default())
                    .map_err(poem_openapi::types::ParseError::custom)
            }
        }

        impl poem_openapi::types::ToJSON for $type {
            fn to_json(&self) -> Option<serde_json::Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}

#[cfg(feature = "openapi")]
pub(crate) use schema_glue;
pub(crate) use text_type;
