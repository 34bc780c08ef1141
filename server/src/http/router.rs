//! The whole API in one list. The document is made of the same list.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route};
use poem_openapi::__private::UrlQuery;
use poem_openapi::registry::{MetaApi, MetaParamIn, Registry};
use poem_openapi::{OpenApi, OpenApiService};

use super::context::RequestContext;
use super::docs::Docs;
use super::errors::MethodNotAllowed;
use super::health::{self, Dependency, Readiness};
use super::metrics::{self, Metrics, RouteLabel};
use super::outermost::method_word;
use super::problem::ProblemAnswer;
use crate::features::audit::api::AuditApi;
use crate::features::auth::api::AuthApi;
use crate::features::bookings::api::BookingsApi;
use crate::features::flights::api::FlightsApi;
use crate::features::search::api::SearchApi;
use crate::features::users::api::UsersApi;

/// Everything under `/v1`, by feature.
pub struct Features {
    /// Logging in.
    pub auth: AuthApi,
    /// Itineraries.
    pub search: SearchApi,
    /// Flights, seat maps, airports, and an admin's work on flights.
    pub flights: FlightsApi,
    /// Bookings.
    pub bookings: BookingsApi,
    /// Users, for admins.
    pub users: UsersApi,
    /// The audit log, for admins.
    pub audit: AuditApi,
}

type Api = (
    AuthApi,
    SearchApi,
    FlightsApi,
    BookingsApi,
    UsersApi,
    AuditApi,
);

impl Features {
    fn list(self) -> Api {
        (
            self.auth,
            self.search,
            self.flights,
            self.bookings,
            self.users,
            self.audit,
        )
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

/// Every path of the server.
pub fn routes(features: Features, operations: Operations) -> Route {
    let service = described();
    let docs = Docs::new(service.spec(), service.swagger_ui_html());
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
        .map(|(path, endpoint)| (path.to_owned(), vec![(Method::GET, endpoint)]))
        .chain(operations_of(features.list()))
        .fold(Route::new(), |route, (path, methods)| {
            route.at(path, PathMethods::new(methods))
        })
}

/// The API's document.
pub fn document() -> String {
    described().spec()
}

/// The API as it is described; it answers nothing.
struct Description;

impl OpenApi for Description {
    fn meta() -> Vec<MetaApi> {
        Api::meta()
    }

    fn register(registry: &mut Registry) {
        Api::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn described() -> OpenApiService<Description, ()> {
    OpenApiService::new(Description, "Airside", env!("CARGO_PKG_VERSION"))
        .summary("Flight search and booking")
        .description(
            "Errors are `application/problem+json` (RFC 9457) with a stable `code`. \
             Lists answer `items` and `next_cursor`. Every answer carries `X-Request-Id`.",
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
        endpoint: make(move |_| answer()).map_to_response().boxed(),
        query: Vec::new(),
    };
    (path, operation)
}

/// The operations of the API by path, with the names of the parameters that each takes.
fn operations_of(api: Api) -> impl Iterator<Item = (String, Vec<(Method, Operation)>)> {
    let mut described: HashMap<(String, Method), (String, Vec<String>)> = Api::meta()
        .into_iter()
        .flat_map(|api| api.paths)
        .flat_map(|path| {
            let names = path.path;
            path.operations.into_iter().map(move |operation| {
                let query = operation
                    .params
                    .into_iter()
                    .filter(|parameter| parameter.in_type == MetaParamIn::Query)
                    .map(|parameter| parameter.name)
                    .collect();
                ((shape(&names), operation.method), (names.clone(), query))
            })
        })
        .collect();
    let mut table = HashMap::new();
    api.add_routes(&mut table);
    table.into_iter().map(move |(path, methods)| {
        let operations = methods
            .into_iter()
            .map(|(method, endpoint)| {
                let (name, query) = described
                    .remove(&(shape(&path), method.clone()))
                    .unwrap_or_default();
                let operation = Operation {
                    name,
                    endpoint,
                    query,
                };
                (method, operation)
            })
            .collect();
        (path, operations)
    })
}

/// A path without its parameters' names: `/a/{id}` of the document and `/a/:param0` of the routes are the same.
fn shape(path: &str) -> String {
    path.split('/')
        .map(|part| {
            if part.starts_with([':', '{']) {
                ":"
            } else {
                part
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// An endpoint and the query parameters that it takes.
struct Operation {
    /// Its path with its parameters' names, as in the document.
    name: String,
    endpoint: BoxEndpoint<'static>,
    query: Vec<String>,
}

impl Operation {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let query: Vec<(String, String)> = match request.uri().query() {
            None | Some("") => Vec::new(),
            Some(_) => request.params()?,
        };
        if let Some((name, _)) = query.iter().find(|(name, _)| !self.query.contains(name)) {
            let name = airside_common::text::printable(name);
            return Err(ProblemAnswer::field(name, "there is no such parameter").into());
        }
        request.extensions_mut().insert(UrlQuery(query));
        self.endpoint.call(request).await
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

    async fn call(&self, request: Request) -> Result<Response> {
        let wanted = match *request.method() {
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        let Some((_, label, operation)) =
            self.operations.iter().find(|(method, ..)| method == wanted)
        else {
            return Err(MethodNotAllowed(self.allow.clone()).into());
        };
        if let Some(context) = request.data::<RequestContext>() {
            // Set once: a request has one route.
            let _ = context.route.set(*label);
        }
        operation
            .call(request)
            .await
            .map(IntoResponse::into_response)
    }
}
