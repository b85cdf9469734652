//! `outlast pipeline`: runs here and in a running process, reused where nothing changed, cancelled, and
//! said to be wrong where they are.

use crate::program::Place;

const EXAMPLE: &str = include_str!("../../../../docs/examples/words.pipeline.yaml");

/// One task that waits for as long as nobody stops it.
const ENDLESS: &str =
    "name: endless\nimplementation: {container: {image: any, command: [sleep, '1000']}}\n";

fn place() -> Place {
    let place = Place::new(&[("OPENAI_API_KEY", "a")]);
    // The example takes its time so that people can watch it; a test has none.
    place.write("words.yaml", &EXAMPLE.replace("sleep 1; ", ""));
    place.write("endless.yaml", ENDLESS);
    place
}

#[test]
fn what_was_computed_is_reused() {
    let place = place();
    let shown = place.print(&["pipeline", "run", "words.yaml"]);
    assert!(shown.contains("words: succeeded") && shown.contains("0 of 4 executions reused"));
    let shown = place.print(&["pipeline", "run", "words.yaml", "--arg", "letters=4"]);
    assert!(shown.contains("4 of 4 executions reused"), "{shown}");
    let shown = place.print(&["pipeline", "run", "words.yaml", "--arg", "letters=6"]);
    assert!(shown.contains("2 of 4 executions reused"), "{shown}");

    let runs = place.print(&["pipeline", "list"]);
    assert_eq!(runs.lines().count(), 4, "{runs}");
    let newest = runs.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let shown = place.print(&["pipeline", "show", newest]);
    let folder = shown.rsplit("output report: ").next().unwrap();
    let page = std::fs::read_to_string(format!("{folder}/report.md")).unwrap();
    assert!(page.contains("| another | 3 |") && !page.contains("| tune |"), "{page}");
}

#[test]
fn a_running_process_runs_it_and_stops_it() {
    let place = place();
    let server = place.serve();
    let shown = place.print(&["pipeline", "run", "words.yaml", "--follow"]);
    assert!(shown.contains("words: succeeded"), "{shown}");

    let run = place.print(&["pipeline", "run", "endless.yaml"]);
    let run = run.strip_prefix("run ").unwrap();
    assert!(place.print(&["pipeline", "show", run]).contains("endless: not over yet"));
    // The server goes and comes back, and the run with it.
    server.stop();
    let server = place.serve();
    place.print(&["pipeline", "cancel", run]);
    server.stop();
    let server = place.serve();
    assert!(place.print(&["pipeline", "show", run]).contains("endless: cancelled"));
    let output = place.run(&["pipeline", "cancel", "nothing"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no_such_run"));
    server.stop();
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let place = place();
    let fails = |arguments: &[&str], expect: &[&str]| {
        let output = place.run(arguments);
        assert!(!output.status.success());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(expect.iter().all(|expect| said.contains(expect)), "{said}");
    };
    fails(&["pipeline", "run", "nowhere.yaml"], &["nowhere.yaml"]);
    place.write("broken.yaml", &EXAMPLE.replace("outputName: counts", "outputName: count"));
    fails(&["pipeline", "run", "broken.yaml"], &["broken.yaml", "tasks.page", "count"]);
    fails(&["pipeline", "run", "words.yaml", "--arg", "leters=3"], &["words.yaml", "leters"]);
    fails(&["pipeline", "run", "words.yaml", "--arg", "letters"], &["NAME=VALUE"]);
    place.write(
        "failing.yaml",
        "name: failing\nimplementation: {container: {image: any, command: [sh, -c, 'echo the reason; exit 3']}}\n",
    );
    fails(
        &["pipeline", "run", "failing.yaml"],
        &["exit code 3", "  the reason\n", "failing: failed"],
    );
}
