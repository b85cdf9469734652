//! Runs of pipelines: their pages, their live streams, their API, and what of them can be saved.

use console::pipelines::{ArtifactRow, RunPage};
use futures_util::StreamExt;
use http::StatusCode;
use terms::{
    run::{ExecutionState, RunState},
    time::Timestamp,
};

use crate::house::{House, get, post};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn the_list_and_a_run_say_where_everything_stands() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let page = async |path: &str| house.ask(get(path).header("cookie", &cookie)).await.body;
    let list = page("/pipelines").await;
    for said in ["1 pipeline is running.", "distill &#60;intent&#62;", "1 of 3 done, 1 running"] {
        assert!(list.contains(said), "{said:?} is not in {list}");
    }
    let run = page("/pipelines/run-1").await;
    for said in [
        "Runs for 4.0 s: 1 of 3 executions done, 1 reused, 1 at work.",
        "action=\"/pipelines/run-1/cancel\"",
        "climb/&#60;fit&#62;: running, 3.0 s · climb",
        "node state-reused",
        "node state-waiting",
        "d=\"M188.0 32.0H252.0\"",
        "<section id=\"run-report\" hidden>",
        "data-live=\"/pipelines/run-1/live\"",
        "<dt>task_file</dt><dd>/tasks/TASK.toml</dd>",
    ] {
        assert!(run.contains(said), "{said:?} is not in {run}");
    }
    let execution = page("/pipelines/run-1?execution=1").await;
    for said in [
        "outlast step &#39;it&#39;\\&#39;&#39;s fit&#39;",
        "<dt>Exit code</dt><dd>3</dd>",
        "/pipelines/run-1/executions/1/inputs/rows%20of%20data",
        "1.2 kB",
        "working on &#60;b&#62;it&#60;/b&#62;",
        "/pipelines/run-1/executions/1/logs/log.txt",
        "data-live=\"/pipelines/run-1/live?execution=1\"",
    ] {
        assert!(execution.contains(said), "{said:?} is not in {execution}");
    }
    for page in [list, run, execution] {
        for forbidden in ["style=", "<script>", "onclick", "<b>it", "<intent>", "http://"] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
    }
}

#[tokio::test]
async fn a_report_stands_above_the_graph_verdict_first() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let report = "# Distillation of `x`\n\n**Verdict: Deploy.**\n\n## Accuracy\n\n| who | p |\n|---|---|\n| me | 0.9 |\n\n## Cost\n\n<b>dear</b>\n";
    house.pipelines.change(|run| {
        run.report = Some(report.to_owned());
        run.outputs = vec![ArtifactRow {
            name: "report".to_owned(),
            bytes: 9,
            is_folder: true,
            value: None,
            path: None,
        }];
        ended(run);
    });
    let page = house.ask(get("/pipelines/run-1").header("cookie", &cookie)).await.body;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}"));
    assert!(at("<b>Verdict: Deploy.</b>") < at("<td>0.9</td>"));
    assert!(
        at("<td>0.9</td>") < at("The whole report") && at("The whole report") < at("&lt;b&gt;dear")
    );
    assert!(at("The whole report") < at("id=\"run-graph\""));
    assert!(page.contains("Succeeded in 1.0 s") && !page.contains("/cancel\""));
}

fn ended(run: &mut RunPage) {
    run.state = RunState::Succeeded;
    run.ended_at = Some(Timestamp(run.submitted_at.0 + 1_000));
}

#[tokio::test]
async fn what_moves_reaches_the_page() {
    let house = House::new().await;
    tokio::time::pause();
    let cookie = house.sign_in().await;
    let mut events = house.events_of("/pipelines/run-1/live?execution=1", &cookie).await;
    let first = events.next().await.unwrap();
    for section in ["run-head", "run-report", "run-graph", "run-execution", "run-table"] {
        assert!(first.contains(&format!("id=\"{section}\"")), "{section} in {first}");
    }
    house.pipelines.change(|run| run.executions[1].state = ExecutionState::Succeeded);
    let second = events.next().await.unwrap();
    assert!(second.contains("2 of 3 executions done") && !second.contains("id=\"run-report\""));
    let mut list = house.events_of("/pipelines/live", &cookie).await;
    assert!(list.next().await.unwrap().contains("2 of 3 done"));
    house.pipelines.change(ended);
    assert!(list.next().await.unwrap().contains("Nothing is running."));
}

#[tokio::test]
async fn a_run_is_followed_ordered_and_cancelled_by_the_api() {
    let house = House::new().await;
    tokio::time::pause();
    let run = house.ask(get("/api/pipelines/run-1").with_bearer()).await;
    let run: serde_json::Value = serde_json::from_str(&run.body).unwrap();
    assert_eq!((&run["sequence"], &run["state"]), (&7.into(), &"RUNNING".into()));
    // Nothing is newer: the answer comes when patience is over, and as it is then.
    let started = tokio::time::Instant::now();
    let same = house.ask(get("/api/pipelines/run-1?after=7").with_bearer()).await;
    assert!(same.body.contains("\"sequence\":7") && started.elapsed().as_secs() >= 20);
    let newer = house.ask(get("/api/pipelines/run-1?after=6").with_bearer()).await;
    assert!(newer.body.contains("\"sequence\":7"));
    house.pipelines.change(ended);
    let over = house.ask(get("/api/pipelines/run-1?after=99").with_bearer()).await;
    assert!(over.body.contains("SUCCEEDED"), "one that is over is not waited for");

    let large = format!(r#"{{"pipeline":"{}","arguments":{{"a":"b"}}}}"#, "x".repeat(100_000));
    let order = |path: &str, body: &str| post(path, body).with_bearer().header(JSON.0, JSON.1);
    let begun = house.ask(order("/api/pipelines", &large)).await;
    assert_eq!((begun.status, begun.body.as_str()), (StatusCode::CREATED, r#"{"run":"run-1"}"#));
    let unfit = house.ask(order("/api/pipelines", r#"{"pipeline":""}"#)).await;
    assert_eq!(
        (unfit.status, unfit.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "cannot_run".to_owned())
    );
    assert!(unfit.body.contains("line 1: nothing\\nline 2: too"), "{}", unfit.body);
    let begun = house.ask(order("/api/distillations", r#"{"task_file":"/t/TASK.toml"}"#)).await;
    assert_eq!(begun.status, StatusCode::CREATED);
    let here = house.ask(order("/api/distillations", r#"{"task_file":"TASK.toml"}"#)).await;
    assert_eq!(here.status, StatusCode::BAD_REQUEST);
    let cancelled = house.ask(order("/api/pipelines/run-1/cancel", "{}")).await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    let ordered = house.pipelines.ordered.lock().unwrap().clone();
    assert_eq!(ordered, [r#"100000 {"a": "b"}"#, "/t/TASK.toml", "cancel run-1"]);

    for path in ["/api/pipelines/run-9", "/pipelines/run-9"] {
        let answer = house.ask(get(path).with_bearer()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "no_such_run".into()));
    }
}

#[tokio::test]
async fn the_button_cancels_and_leads_back() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let press = || post("/pipelines/run-1/cancel", "").header("cookie", &cookie);
    assert_eq!(house.ask(press()).await.status, StatusCode::FORBIDDEN, "from elsewhere");
    house.ask(press().with_origin()).await.must_redirect_to("/pipelines/run-1");
    assert_eq!(*house.pipelines.ordered.lock().unwrap(), ["cancel run-1"]);
}

#[tokio::test]
async fn artifacts_are_saved_and_never_shown_as_pages() {
    let house = House::new().await;
    let cookie = house.sign_in().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stored");
    let content = "x".repeat(200_000);
    std::fs::write(&file, &content).unwrap();
    *house.pipelines.file.lock().unwrap() = Some(file);
    let ask = async |path: &str| house.ask(get(path).header("cookie", &cookie)).await;

    let text = ask("/pipelines/run-1/executions/1/inputs/text").await;
    assert_eq!(text.body, "<script>");
    assert_eq!(text.header("content-type"), "application/octet-stream");
    assert_eq!(text.header("content-disposition"), "attachment; filename=\"text\"");
    let file = ask("/pipelines/run-1/executions/1/outputs/file").await;
    assert!(file.body == content, "{} bytes", file.body.len());
    let listed = ask("/pipelines/run-1/outputs/folder").await;
    assert!(
        listed.body.contains("href=\"?file=a%20b%2F%3Cc%3E.txt\"") && listed.body.contains("5 B")
    );
    let inside = ask("/pipelines/run-1/outputs/folder?file=a%20b%2F%3Cc%3E.txt").await;
    assert_eq!(inside.header("content-disposition"), "attachment; filename=\"_c_.txt\"");
    for path in ["executions/1/sideways/text", "executions/x/inputs/text", "outputs/nothing"] {
        let answer = ask(&format!("/pipelines/run-1/{path}")).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    let asked = house.pipelines.ordered.lock().unwrap().clone();
    assert_eq!(asked[0], "Input(1) text None");
    assert_eq!(asked[3], "Run folder Some(\"a b/<c>.txt\")");
}
