//! How fast the engine is with programs that do nothing: a fan and a chain of tasks, computed and
//! then taken from the past. `cargo run --release -p pipeline --example figures`.

#![expect(clippy::print_stdout, reason = "a command line program speaks on standard output")]

use std::{error::Error, path::Path, time::Instant};

use pipeline::{ComponentSpec, Engine, EngineOptions, parse};

/// Tasks that each write a line; in a chain each reads the one before it.
fn tasks(count: usize, is_chain: bool) -> Result<ComponentSpec, Box<dyn Error>> {
    let mut text = String::from("name: figures\nimplementation:\n  graph:\n    tasks:\n");
    for number in 0..count {
        let reads = is_chain && number > 0;
        let (inputs, path) =
            if reads { ("[{name: x}]", "{inputPath: x}") } else { ("[]", "/dev/null") };
        let before = number.saturating_sub(1);
        let arguments = if reads {
            format!("{{x: {{taskOutput: {{taskId: t{before}, outputName: out}}}}}}")
        } else {
            "{}".to_owned()
        };
        text.push_str(&format!(
            "      t{number}: {{arguments: {arguments}, componentRef: {{spec: {{inputs: {inputs}, outputs: \
             [{{name: out}}], implementation: {{container: {{image: none, command: [sh, -c, 'cat $0 > $1; \
             echo {number} >> $1', {path}, {{outputPath: out}}]}}}}}}}}}}\n"
        ));
    }
    Ok(parse(&text)?)
}

async fn measure(
    engine: &Engine,
    name: &str,
    spec: ComponentSpec,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let run = engine.submit(spec, [].into()).await?;
    let submitted = begin.elapsed();
    let outcome = engine.wait(&run).await?;
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{name:<18} {:>7.0} tasks/s {:>7.2} ms each, submitted in {:.1} ms, {:?}",
        count as f64 / seconds,
        seconds * 1000.0 / count as f64,
        submitted.as_secs_f64() * 1000.0,
        outcome.state
    );
    Ok(())
}

async fn figures(folder: &Path) -> Result<(), Box<dyn Error>> {
    let engine = Engine::open(EngineOptions::new(folder)).await?;
    for (shape, count, is_chain) in [("fan", 1000, false), ("chain", 200, true)] {
        let spec = tasks(count, is_chain)?;
        measure(&engine, &format!("{shape} {count} computed"), spec.clone(), count).await?;
        measure(&engine, &format!("{shape} {count} reused"), spec, count).await?;
    }
    engine.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("outlast-figures-{}", std::process::id()));
    let done = figures(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    done
}
