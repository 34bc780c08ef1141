//! The whole API in one list. The document is made of the same list.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, EndpointExt, IntoEndpoint, Request, Response, Result, Route};
use poem_openapi::error::ParseParamError;
use poem_openapi::registry::{MetaApi, MetaParamIn, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use smallvec::SmallVec;

use super::context::RequestContext;
use super::description;
use super::docs::Docs;
use super::errors::MethodNotAllowed;
use super::health::{self, Dependency, Readiness};
use super::metrics::{self, Metrics, RouteLabel};
use super::outermost::method_word;
use super::problem::ProblemAnswer;
use crate::features::analytics::api::AnalyticsApi;
use crate::features::audit::api::AuditApi;
use crate::features::auth::api::AuthApi;
use crate::features::bookings::api::{AdminBookingsApi, BookingsApi};
use crate::features::dead_letters::api::DeadLettersApi;
use crate::features::events::api::EventsApi;
use crate::features::flights::api::{AdminFlightsApi, FlightsApi};
use crate::features::ingest::api::IngestApi;
use crate::features::notifications::mail::api::MailsApi;
use crate::features::notifications::webhooks::api::WebhooksApi;
use crate::features::queues::api::QueuesApi;
use crate::features::search::api::SearchApi;
use crate::features::uploads::api::UploadsApi;
use crate::features::users::api::UsersApi;

/// Everything under `/v1`, by the service that answers it; what a process is not is not there.
#[derive(Default)]
pub struct Features {
    /// Logging in, and public keys.
    pub auth: Option<AuthApi>,
    /// Itineraries; flights, seat maps, airports.
    pub search: Option<(SearchApi, FlightsApi)>,
    /// Bookings; live events; queues.
    pub bookings: Option<(BookingsApi, EventsApi, QueuesApi)>,
    /// What admins do with flights, uploads, sources of files and users, and the audit log.
    pub admin: Option<AdminApi>,
}

/// Answers that were made before. What is looked up is the request as it came, so that next to nothing of it is read.
pub trait Kept: Send + Sync + 'static {
    /// The answer to a request whose caller may have it; where there is none, its endpoint answers or refuses.
    fn answer(&self, request: &Request) -> Option<Response>;
}

/// An operation that keeps answers: path, method and what keeps them.
type Keeper = (&'static str, Method, Arc<dyn Kept>);

/// Everything under `/v1/admin`.
pub type AdminApi = (
    AdminFlightsApi,
    AdminBookingsApi,
    UploadsApi,
    UsersApi,
    AuditApi,
    AnalyticsApi,
    DeadLettersApi,
    IngestApi,
    MailsApi,
    WebhooksApi,
);

/// All of the API, for its document.
type Api = (
    AuthApi,
    (SearchApi, FlightsApi),
    (BookingsApi, EventsApi, QueuesApi),
    AdminApi,
);

impl Features {
    fn keepers(&self) -> Vec<Keeper> {
        let keeper = |(search, _): &(SearchApi, FlightsApi)| -> Keeper {
            ("/v1/itineraries", Method::GET, Arc::new(search.clone()))
        };
        self.search.iter().map(keeper).collect()
    }

    /// What is there, as the document describes it.
    fn meta(&self) -> Vec<MetaApi> {
        fn of<T: OpenApi>(served: Option<&T>) -> Vec<MetaApi> {
            served.map_or_else(Vec::new, |_| T::meta())
        }
        let mut served = of(self.auth.as_ref());
        served.extend(of(self.search.as_ref()));
        served.extend(of(self.bookings.as_ref()));
        served.extend(of(self.admin.as_ref()));
        served
    }
}

/// What is answered beside the API.
pub struct Operations {
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Measured anew whenever somebody looks at the figures.
    pub measure: Arc<dyn Measure>,
    /// Whether requests are welcome.
    pub readiness: Readiness,
    /// What requests need.
    pub needs: Arc<dyn Dependency>,
}

/// Something that is measured when somebody looks.
#[async_trait::async_trait]
pub trait Measure: Send + Sync + 'static {
    /// Brings the figures up to date.
    async fn measure(&self);
}

/// Every path of a process.
pub fn routes(features: Features, operations: Operations) -> Route {
    let service = described();
    let docs = Docs::new(closed(&service.spec()), service.swagger_ui_html());
    let Operations {
        metrics,
        measure,
        readiness,
        needs,
    } = operations;
    let document = docs.clone();
    let plain = [
        plain("/healthz", || async { Ok(health::alive()) }),
        plain("/readyz", move || {
            let (readiness, needs) = (readiness.clone(), Arc::clone(&needs));
            async move { health::ready(&readiness, &*needs).await }
        }),
        plain("/metrics", move || {
            let (metrics, measure) = (Arc::clone(&metrics), Arc::clone(&measure));
            async move {
                measure.measure().await;
                metrics::answer(&metrics)
            }
        }),
        plain("/openapi.json", move || {
            let document = document.document();
            async move { Ok(document) }
        }),
        plain("/docs", move || {
            let page = docs.page();
            async move { Ok(page) }
        }),
    ];
    plain
        .into_iter()
        .map(|(path, operation)| (path.to_owned(), vec![(Method::GET, operation)]))
        .chain(operations_of(features))
        .fold(Route::new(), |route, (path, methods)| {
            route.at(path, PathMethods::new(methods))
        })
}

/// The API's document.
pub fn document() -> String {
    closed(&described().spec())
}

fn closed(document: &str) -> String {
    description::close_requests(document).expect("what was JSON a moment ago reads back")
}

/// The API with the errors of each operation: all of it is described, also where only some or none is answered.
#[derive(Default)]
struct Described(Features);

impl OpenApi for Described {
    fn meta() -> Vec<MetaApi> {
        description::complete(Api::meta())
    }

    fn register(registry: &mut Registry) {
        Api::register(registry);
        description::allow_null(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let Features {
            auth,
            search,
            bookings,
            admin,
        } = self.0;
        if let Some(api) = auth {
            api.add_routes(table);
        }
        if let Some(api) = search {
            api.add_routes(table);
        }
        if let Some(api) = bookings {
            api.add_routes(table);
        }
        if let Some(api) = admin {
            api.add_routes(table);
        }
    }
}

fn described() -> OpenApiService<Described, ()> {
    service(Described::default())
}

fn service(api: Described) -> OpenApiService<Described, ()> {
    OpenApiService::new(api, "Airside", env!("CARGO_PKG_VERSION")).description(
        "Flight search and booking. Errors are `application/problem+json` (RFC 9457) with a stable `code`. \
         Lists answer `items` and `next_cursor`. Every answer carries `X-Request-Id`. Writes answer with \
         `Airside-Consistency`; a read that carries it shows the write, wherever it is read from.",
    )
}

/// A path without parameters, body or caller.
fn plain<F, Fut>(path: &'static str, answer: F) -> (&'static str, Operation)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response>> + Send + 'static,
{
    let operation = Operation {
        name: path.to_owned(),
        endpoint: Arc::new(make(move |_| answer()).map_to_response().boxed()),
        query: Vec::new(),
        kept: None,
    };
    (path, operation)
}

/// The operations of the API by path, with the names of the parameters that each takes. The service behind them all
/// finds its endpoint again: only so do the endpoints get what the library reads of a request.
fn operations_of(features: Features) -> impl Iterator<Item = (String, Vec<(Method, Operation)>)> {
    let (served, keepers) = (features.meta(), features.keepers());
    let endpoint = Arc::new(service(Described(features)).into_endpoint());
    let mut registry = Registry::new();
    Api::register(&mut registry);
    let mut paths: BTreeMap<String, Vec<(Method, Operation)>> = BTreeMap::new();
    for path in served.into_iter().flat_map(|api| api.paths) {
        // `{id}` of the document is `:id` of the routes.
        let pattern = path.path.replace('{', ":").replace('}', "");
        for operation in path.operations {
            let query = operation
                .params
                .into_iter()
                .filter(|parameter| parameter.in_type == MetaParamIn::Query)
                .map(|parameter| Parameter {
                    words: description::words(&registry, &parameter.schema),
                    name: parameter.name,
                })
                .collect();
            let keeper = keepers
                .iter()
                .find(|(at, method, _)| *at == path.path && *method == operation.method);
            let known = Operation {
                name: path.path.clone(),
                endpoint: Arc::clone(&endpoint),
                query,
                kept: keeper.map(|(.., kept)| Arc::clone(kept)),
            };
            paths
                .entry(pattern.clone())
                .or_default()
                .push((operation.method, known));
        }
    }
    paths.into_iter()
}

/// An endpoint and the query parameters that it takes.
struct Operation {
    /// Its path with its parameters' names, as in the document.
    name: String,
    endpoint: Arc<BoxEndpoint<'static>>,
    query: Vec<Parameter>,
    /// Asked before all else.
    kept: Option<Arc<dyn Kept>>,
}

/// A query parameter.
struct Parameter {
    name: String,
    /// The words that it takes; none where it takes others.
    words: Vec<String>,
}

impl Operation {
    async fn call(&self, request: Request) -> Result<Response> {
        if let Some(answer) = self.kept.as_ref().and_then(|kept| kept.answer(&request)) {
            return Ok(answer);
        }
        let query = request.uri().query().unwrap_or_default();
        self.check(query)?;
        let answer = self.endpoint.call(request).await;
        answer.map_err(|error| self.explain(error))
    }

    /// Refuses parameters that there are not, and those that are given twice: of two values one would be passed over.
    fn check(&self, query: &str) -> Result<(), ProblemAnswer> {
        let mut seen: SmallVec<[Cow<'_, str>; 16]> = SmallVec::new();
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = if !self.query.iter().any(|known| known.name == name) {
                "there is no such parameter"
            } else if seen.contains(&name) {
                "is given twice"
            } else {
                seen.push(name);
                continue;
            };
            let name = airside_common::text::printable(&name);
            return Err(ProblemAnswer::field(name, wrong));
        }
        Ok(())
    }

    /// The same error, with the words of a parameter that takes one of several.
    fn explain(&self, error: poem::Error) -> poem::Error {
        let wrong = error
            .downcast_ref::<ParseParamError>()
            .and_then(|e| self.query.iter().find(|known| known.name == e.name))
            .filter(|known| !known.words.is_empty());
        match wrong {
            Some(Parameter { name, words }) => {
                ProblemAnswer::field(name, format!("is one of {}", words.join(", "))).into()
            }
            None => error,
        }
    }
}

/// One path and what it does by method.
struct PathMethods {
    operations: Vec<(Method, RouteLabel, Operation)>,
    allow: HeaderValue,
}

impl PathMethods {
    fn new(operations: Vec<(Method, Operation)>) -> Self {
        let mut allowed: Vec<&str> = operations
            .iter()
            .flat_map(|(method, _)| match *method {
                Method::GET => vec!["GET", "HEAD"],
                _ => vec![method_word(method)],
            })
            .collect();
        allowed.sort_unstable();
        Self {
            allow: HeaderValue::from_str(&allowed.join(", "))
                .unwrap_or(HeaderValue::from_static("GET")),
            operations: operations
                .into_iter()
                .map(|(method, operation)| {
                    let label = RouteLabel {
                        method: method_word(&method),
                        // Figures name the route for as long as the process lives, and routes are made once.
                        route: Box::leak(operation.name.clone().into_boxed_str()),
                    };
                    (method, label, operation)
                })
                .collect(),
        }
    }
}

impl Endpoint for PathMethods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if *request.method() == Method::HEAD {
            // The same as GET; the connection leaves the body out.
            request.set_method(Method::GET);
        }
        let Some((_, label, operation)) = self
            .operations
            .iter()
            .find(|(method, ..)| method == request.method())
        else {
            return Err(MethodNotAllowed(self.allow.clone()).into());
        };
        if let Some(context) = request.data::<RequestContext>() {
            // Set once: a request has one route.
            let _ = context.route.set(*label);
        }
        operation.call(request).await
    }
}
