//! What the document says of every operation beside what its endpoint says: the errors it may answer, and its place.

use std::collections::BTreeSet;

use airside_common::api::problem::{Code, Problem};
use poem::http::Method;
use poem_openapi::registry::{
    MetaApi, MetaHeader, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn,
    MetaResponse, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use serde_json::Value;

/// The operations with all their errors, each error by its status, and grouped by what they are about.
pub(super) fn complete(mut apis: Vec<MetaApi>) -> Vec<MetaApi> {
    for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
        for operation in &mut path.operations {
            operation.tags = vec![group(&path.path)];
            operation.params.iter_mut().for_each(bound);
            let errors = errors(&path.path, operation);
            let answers = &mut operation.responses.responses;
            answers.retain(|answer| answer.status.is_some());
            // Who a caller is, and what airports there are, no database is asked; events are read where they are written.
            let asks_nobody = matches!(&*path.path, "/v1/auth/me" | "/v1/airports" | "/v1/events");
            match operation.method {
                Method::GET if !asks_nobody => operation.params.push(moment_wanted()),
                Method::GET => {}
                _ => answers
                    .iter_mut()
                    .for_each(|answer| answer.headers.push(moment_reached())),
            }
            answers.extend(errors.into_iter().map(problem));
        }
    }
    apis
}

/// What a read must show.
fn moment_wanted() -> MetaOperationParam {
    MetaOperationParam {
        name: "Airside-Consistency".to_owned(),
        schema: String::schema_ref(),
        in_type: MetaParamIn::Header,
        description: Some(
            "From the answer to a write: this answer shows that write. Where it cannot be read, the answer shows all \
             writes. Without it the answer may be some seconds old."
                .to_owned(),
        ),
        required: false,
        deprecated: false,
        explode: true,
        style: None,
    }
}

/// What a write has reached.
fn moment_reached() -> MetaHeader {
    MetaHeader {
        name: "Airside-Consistency".to_owned(),
        description: Some(
            "To be sent with reads that must show this write. It is opaque; of two that agree up to the `-`, the greater \
             text is the later. Absent where there are no copies of the database."
                .to_owned(),
        ),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

/// What a parameter takes, where the endpoint says it better than the library could.
fn bound(parameter: &mut MetaOperationParam) {
    // Without it the answer is 428, not 422.
    parameter.required |= parameter.name == "If-Match";
    let (least, most) = match parameter.name.as_str() {
        "limit" => (1.0, 100.0),
        "passengers" => (1.0, 9.0),
        "max_stops" => (0.0, 2.0),
        "flexible_days" => (0.0, 3.0),
        "number" => (1.0, 9999.0),
        _ => return,
    };
    if let MetaSchemaRef::Inline(schema) = &mut parameter.schema {
        schema.minimum = Some(least);
        schema.maximum = Some(most);
    }
}

/// The words that a schema is restricted to; none where it is not.
pub(super) fn words(registry: &Registry, schema: &MetaSchemaRef) -> Vec<String> {
    let schema = match schema {
        MetaSchemaRef::Inline(schema) => Some(&**schema),
        MetaSchemaRef::Reference(name) => registry.schemas.get(name),
    };
    let words = schema.map_or(&[][..], |schema| &schema.enum_items);
    words
        .iter()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

/// What may be absent may be null as well, in requests and in answers.
pub(super) fn allow_null(registry: &mut Registry) {
    let problem = Problem::name();
    for (_, schema) in registry
        .schemas
        .iter_mut()
        .filter(|(name, _)| **name != problem)
    {
        let MetaSchema {
            required,
            properties,
            ..
        } = schema;
        for (name, property) in properties {
            if required.contains(name) {
                continue;
            }
            match property {
                MetaSchemaRef::Inline(inline) => inline.nullable = true,
                MetaSchemaRef::Reference(_) => {
                    let nullable = MetaSchema {
                        nullable: true,
                        all_of: vec![property.clone()],
                        ..MetaSchema::ANY
                    };
                    *property = MetaSchemaRef::Inline(Box::new(nullable));
                }
            }
        }
    }
}

/// The document in which what only requests are made of takes no fields but its own: those are refused, and the library has
/// no word for it. What answers are made of too stays open, since answers may get more fields.
pub(super) fn close_requests(document: &str) -> serde_json::Result<String> {
    let mut document: Value = serde_json::from_str(document)?;
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for operation in members(&document["paths"]).flat_map(members) {
        schemas(&document, &operation["requestBody"], &mut asked);
        schemas(&document, &operation["responses"], &mut answered);
    }
    for name in asked.difference(&answered) {
        let schema = &mut document["components"]["schemas"][name];
        if schema["type"] == "object" {
            schema["additionalProperties"] = Value::Bool(false);
        }
    }
    serde_json::to_string_pretty(&document)
}

/// The names of all schemas that a part of the document refers to, and of those that they refer to.
fn schemas(document: &Value, part: &Value, found: &mut BTreeSet<String>) {
    let named = part["$ref"].as_str();
    if let Some(name) = named.and_then(|at| at.strip_prefix("#/components/schemas/"))
        && found.insert(name.to_owned())
    {
        schemas(document, &document["components"]["schemas"][name], found);
    }
    for inner in members(part) {
        schemas(document, inner, found);
    }
}

/// The values in an object or an array.
fn members(value: &Value) -> impl Iterator<Item = &Value> {
    let fields = value.as_object().into_iter().flat_map(|o| o.values());
    let items = value.as_array().into_iter().flatten();
    fields.chain(items)
}

/// What an operation is about.
fn group(path: &str) -> &'static str {
    let admin = path.strip_prefix("/v1/admin/");
    let resource = admin.or_else(|| path.strip_prefix("/v1/"));
    match (resource.and_then(|rest| rest.split('/').next()), admin) {
        (Some("bookings"), _) => "Bookings",
        (Some("flights"), Some(_)) => "Flights, for admins",
        (Some("uploads"), _) => "Uploads, for admins",
        (Some("users"), _) => "Users, for admins",
        (Some("audit"), _) => "Audit log, for admins",
        (Some("analytics"), Some(_)) => "Figures, for admins",
        (Some("dead-letters"), Some(_)) => "Dead letters, for admins",
        (Some("events"), None) => "Live events",
        (Some("queues"), None) => "Queues",
        (Some("ingest"), Some(_)) => "Sources of files, for admins",
        (Some("mails" | "webhooks"), _) => "Mail and webhooks, for admins",
        (Some("itineraries" | "flights" | "airports"), None) => "Search",
        _ => "Logging in",
    }
}

/// The kinds of error that an operation may answer, one for each status.
fn errors(path: &str, operation: &MetaOperation) -> Vec<Code> {
    let takes = |name: &str| operation.params.iter().any(|p| p.name == name);
    let writes = operation.method != Method::GET;
    let logs_in = path == "/v1/auth/login";
    let for_admins = path.starts_with("/v1/admin/");
    let of_session = path.starts_with("/v1/auth/");
    let of_one = operation
        .params
        .iter()
        .any(|p| p.in_type == MetaParamIn::Path);
    let has_body = operation.request.is_some();
    let possible = [
        (has_body, Code::MalformedRequest),
        (
            !operation.security.is_empty() || logs_in || path == "/v1/auth/refresh",
            Code::Unauthenticated,
        ),
        (for_admins, Code::Forbidden),
        (of_one, Code::NotFound),
        (has_body, Code::RequestTimeout),
        (writes && !of_session, Code::Conflict),
        (takes("If-Match"), Code::StaleVersion),
        (has_body, Code::PayloadTooLarge),
        (has_body, Code::UnsupportedMediaType),
        (true, Code::InvalidRequest),
        (takes("If-Match"), Code::PreconditionRequired),
        (
            logs_in || !operation.security.is_empty(),
            Code::TooManyRequests,
        ),
        (true, Code::Internal),
        (true, Code::Unavailable),
        (writes, Code::StorageFull),
    ];
    possible
        .into_iter()
        .filter_map(|(is_possible, code)| is_possible.then_some(code))
        .collect()
}

fn problem(code: Code) -> MetaResponse {
    let waits = matches!(code, Code::TooManyRequests | Code::Unavailable);
    let retry_after = waits.then(|| MetaHeader {
        name: "Retry-After".to_owned(),
        description: Some("Seconds until it is worth another try.".to_owned()),
        required: true,
        deprecated: false,
        schema: u64::schema_ref(),
    });
    MetaResponse {
        description: code.title(),
        status: Some(code.status()),
        status_range: None,
        content: vec![MetaMediaType {
            content_type: "application/problem+json",
            schema: Problem::schema_ref(),
        }],
        headers: retry_after.into_iter().collect(),
    }
}
