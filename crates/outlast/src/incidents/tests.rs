//! Closing an incident where the store fails, and where it does not.

use std::sync::{Arc, Mutex};

use access::Keys;
use console::Incidents;
use gateway::{Gateway, IntakeLimits, KeepLimits, Parts};
use ledger::{Ledger, LedgerOptions};
use store::Store;
use terms::{
    incident::{Cause, Incident},
    time::Timestamp,
};

use super::IncidentKeeper;
use crate::config::{Config, Environment, Overrides};

fn incident() -> Incident {
    Incident {
        id: "inc_1".into(),
        target: "local/m".into(),
        cause: Cause::Canary("greets".into()),
        opened: Timestamp(1),
        since: Timestamp(1),
        comparison: None,
        unmet: Some("no fox".to_owned()),
        examples: Vec::new(),
        closed: None,
    }
}

#[tokio::test]
async fn an_incident_is_closed_once_it_is_kept_as_closed_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outlast.db");
    let store = Store::open(&path).await.unwrap();
    store.put_incidents(&[incident()], b"").await.unwrap();
    let environment = Environment::of(&[("OPENAI_API_KEY", "k")]);
    let config = Config::from_text("", "", &environment, &Overrides::default()).unwrap();
    let options = LedgerOptions::new(folder.path().join("journal"));
    let opened = Ledger::open(options, store.clone(), config.price_book()).await.unwrap();
    let gateway = Gateway::new(Parts {
        table: config.table(),
        keys: Arc::new(Keys::load(&store).await.unwrap()),
        ledger: Arc::clone(&opened.ledger),
        gates: config.limits.gates,
        retries: config.limits.retries,
        intake: IntakeLimits::default(),
        keep: KeepLimits::default(),
        shelf: None,
        traces: None,
    });
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let keeper = |store: Store| {
        let told = Arc::clone(&told);
        let tell = move |_: &Incident, text: &str| told.lock().unwrap().push(text.to_owned());
        IncidentKeeper::restore(
            Arc::clone(&gateway),
            Arc::clone(&opened.ledger),
            store,
            Box::new(tell),
        )
    };
    let failing = keeper(store.clone()).await.unwrap();
    store.close().await;
    let refused = failing.close(&"inc_1".into(), "ada").await;
    assert!(refused.unwrap_err().contains("the store failed"));
    failing.save().await;
    let open: Vec<Incident> = gateway.incidents();
    assert_eq!(open, [incident()], "it stays open");
    assert_eq!(*told.lock().unwrap(), [""; 0]);

    let store = Store::open(&path).await.unwrap();
    let working = keeper(store.clone()).await.unwrap();
    assert_eq!(working.close(&"inc_1".into(), "ada").await, Ok(true));
    assert_eq!(working.close(&"inc_1".into(), "ada").await, Ok(false));
    assert_eq!(gateway.incidents(), []);
    assert_eq!(store.open_incidents().await.unwrap(), []);
    assert_eq!(*told.lock().unwrap(), ["closed by ada: local/m fails the canary greets"]);
    opened.ingest.stop().await;
}
