//! The whole API in one list.

use poem::{EndpointExt, IntoEndpoint, Route, get};
use poem_openapi::OpenApiService;

use super::edge::Edge;
use super::health::{Readiness, healthz, readyz};
use super::metrics::{Metrics, metrics};
use crate::app::App;
use crate::features::audit::api::AuditApi;
use crate::features::auth::api::AuthApi;
use crate::features::bookings::api::BookingsApi;
use crate::features::flights::api::FlightsApi;
use crate::features::search::api::SearchApi;
use crate::features::users::api::UsersApi;

type Apis = (
    AuthApi,
    SearchApi,
    FlightsApi,
    BookingsApi,
    UsersApi,
    AuditApi,
);

fn service(app: &App) -> OpenApiService<Apis, ()> {
    let apis = (
        AuthApi::new(app.auth.clone()),
        SearchApi::new(app.search.clone(), app.clock.clone()),
        FlightsApi::new(app.flights.clone()),
        BookingsApi::new(app.bookings.clone()),
        UsersApi::new(app.users.clone()),
        AuditApi::new(app.audit.clone()),
    );
    OpenApiService::new(apis, "Airside", env!("CARGO_PKG_VERSION"))
        .description(
            "Flight search and booking. Times are RFC 3339 with the airport's own offset; amounts are decimal \
             strings; errors are problem details (RFC 9457) whose `code` is stable.",
        )
        .url_prefix("/")
}

/// The OpenAPI document.
pub fn document(app: &App) -> String {
    service(app).spec()
}

/// Everything that the process answers.
pub fn router(app: &App, readiness: Readiness, figures: Metrics) -> Edge {
    figures.watch_bookings(app.bookings.clone());
    let service = service(app);
    let route = Route::new()
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz).data(readiness))
        .at("/metrics", get(metrics).data(figures.clone()))
        .at("/openapi.json", service.spec_endpoint())
        .nest("/docs", service.swagger_ui())
        .nest("/", service)
        .into_endpoint();
    Edge::new(
        route.map_to_response().boxed(),
        app.verifier.clone(),
        figures,
    )
}
