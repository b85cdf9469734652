//! Every address of the console in one list, each with who may ask for it. A new page is a line
//! here, a file in `pages` and a template.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{MethodRouter, delete, get, post},
};

use crate::{
    api, assets,
    error::ConsoleError,
    guard::{self, Guard},
    headers, origin, pages,
    state::{App, ConsoleState},
    stream,
};

/// Bytes that a form or a JSON body may have; the largest real one has some hundreds.
const BODY_LIMIT: usize = 16 * 1024;

/// One address.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Who may ask for it.
    pub guard: Guard,
    handler: fn() -> MethodRouter<App>,
}

/// Every address.
pub const ROUTES: &[Route] = &[
    Route { path: "/health", guard: Guard::Open, handler: || get(pages::health::show) },
    Route { path: "/static/{*file}", guard: Guard::Open, handler: || get(assets::serve) },
    Route {
        path: "/sign-in",
        guard: Guard::Open,
        handler: || get(pages::sign_in::show).post(pages::sign_in::act),
    },
    Route { path: "/sign-out", guard: Guard::Page, handler: || post(pages::sign_in::sign_out) },
    Route { path: "/", guard: Guard::Page, handler: || get(pages::overview::show) },
    Route { path: "/overview.json", guard: Guard::Api, handler: || get(pages::overview::json) },
    Route { path: "/live", guard: Guard::Api, handler: || get(stream::live) },
    Route { path: "/breakers", guard: Guard::Page, handler: || get(pages::breakers::show) },
    Route { path: "/breakers/{id}", guard: Guard::Page, handler: || post(pages::breakers::act) },
    Route { path: "/live/breakers", guard: Guard::Api, handler: || get(stream::live_breakers) },
    Route { path: "/api/breakers", guard: Guard::Api, handler: || get(api::breakers::list) },
    Route {
        path: "/api/breakers/{id}",
        guard: Guard::Api,
        handler: || post(api::breakers::answer),
    },
    Route { path: "/incidents", guard: Guard::Page, handler: || get(pages::incidents::show) },
    Route {
        path: "/incidents/{id}",
        guard: Guard::Page,
        handler: || post(pages::incidents::close),
    },
    Route { path: "/live/incidents", guard: Guard::Api, handler: || get(stream::live_incidents) },
    Route { path: "/api/incidents", guard: Guard::Api, handler: || get(api::incidents::list) },
    Route {
        path: "/api/incidents/{id}",
        guard: Guard::Api,
        handler: || get(api::incidents::show).delete(api::incidents::close),
    },
    Route {
        path: "/api/chaos",
        guard: Guard::Api,
        handler: || get(api::chaos::list).post(api::chaos::begin).delete(api::chaos::end_all),
    },
    Route { path: "/api/chaos/{number}", guard: Guard::Api, handler: || delete(api::chaos::end) },
    Route {
        path: "/api/keys",
        guard: Guard::Api,
        handler: || get(api::keys::list).post(api::keys::create),
    },
    Route { path: "/api/keys/{id}", guard: Guard::Api, handler: || delete(api::keys::disable) },
    Route {
        path: "/models",
        guard: Guard::Page,
        handler: || get(pages::models::show).post(pages::models::act),
    },
    Route {
        path: "/api/models",
        guard: Guard::Api,
        handler: || get(api::models::board).post(api::models::decide),
    },
    Route { path: "/api/prices", guard: Guard::Api, handler: || post(api::models::refresh) },
    Route {
        path: "/api/sign-in-codes",
        guard: Guard::Api,
        handler: || post(api::sign_in_codes::create),
    },
    Route {
        path: "/api/tasks",
        guard: Guard::Api,
        handler: || get(api::tasks::list).post(api::tasks::deploy),
    },
    Route {
        path: "/api/tasks/{task}/undeploy",
        guard: Guard::Api,
        handler: || post(api::tasks::undeploy),
    },
    Route {
        path: "/api/tasks/{task}/rollback",
        guard: Guard::Api,
        handler: || post(api::tasks::roll_back),
    },
    Route { path: "/api/usage", guard: Guard::Api, handler: || get(api::usage::report) },
    Route { path: "/providers", guard: Guard::Page, handler: || get(pages::providers::show) },
    Route { path: "/live/providers", guard: Guard::Api, handler: || get(stream::live_providers) },
    Route { path: "/requests", guard: Guard::Page, handler: || get(pages::requests::list) },
    Route {
        path: "/requests/{request}",
        guard: Guard::Page,
        handler: || get(pages::requests::show),
    },
    Route {
        path: "/api/requests/{request}",
        guard: Guard::Api,
        handler: || get(api::requests::show),
    },
    Route { path: "/pipelines", guard: Guard::Page, handler: || get(pages::pipelines::show) },
    Route { path: "/pipelines/live", guard: Guard::Api, handler: || get(pages::pipelines::live) },
    Route { path: "/pipelines/{run}", guard: Guard::Page, handler: || get(pages::run::show) },
    Route { path: "/pipelines/{run}/live", guard: Guard::Api, handler: || get(pages::run::live) },
    Route {
        path: "/pipelines/{run}/cancel",
        guard: Guard::Page,
        handler: || post(pages::run::cancel),
    },
    Route {
        path: "/pipelines/{run}/outputs/{name}",
        guard: Guard::Page,
        handler: || get(pages::artifact::of_run),
    },
    Route {
        path: "/pipelines/{run}/executions/{execution}/{side}/{name}",
        guard: Guard::Page,
        handler: || get(pages::artifact::of_execution),
    },
    Route {
        path: "/api/pipelines",
        guard: Guard::Api,
        handler: || {
            get(api::pipelines::list)
                .post(api::pipelines::submit)
                .layer(DefaultBodyLimit::max(api::pipelines::BODY_LIMIT))
        },
    },
    Route { path: "/api/pipelines/{run}", guard: Guard::Api, handler: || get(api::pipelines::run) },
    Route {
        path: "/api/pipelines/{run}/executions/{execution}",
        guard: Guard::Api,
        handler: || get(api::pipelines::execution),
    },
    Route {
        path: "/api/pipelines/{run}/cancel",
        guard: Guard::Api,
        handler: || post(api::pipelines::cancel),
    },
    Route {
        path: "/api/distillations",
        guard: Guard::Api,
        handler: || post(api::distillations::begin),
    },
];

/// The console as a service. To throttle wrong secrets by source, serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()` or put `ConnectInfo<SocketAddr>` into the
/// requests' extensions; without, all sources count as one.
pub fn router(state: ConsoleState) -> Router {
    let app = App::new(state);
    let mut router = Router::new();
    for route in ROUTES {
        let handler = (route.handler)().fallback(|| async { ConsoleError::WrongMethod });
        router = router.route(route.path, guard::guarded(route.guard, handler, &app));
    }
    router
        .fallback(|| async { ConsoleError::NotFound })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), origin::check))
        .layer(middleware::from_fn(headers::dress))
        .with_state(app)
}
