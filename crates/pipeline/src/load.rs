//! A pipeline from a file, its components with it: those given as text inside the file, and those in
//! files beside it (`componentRef: {url: train.component.yaml}`). It fetches nothing over a network.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::PipelineError,
    spec::{self, ComponentReference, ComponentSpec, Implementation},
};

/// How deep files may refer to files. A file that refers to itself ends here.
const DEPTH: usize = 32;

/// Reads a pipeline or a single component from a YAML file.
///
/// # Errors
///
/// The file cannot be read, is not YAML, or is not a component; every mistake is named with its line.
pub fn load(path: impl AsRef<Path>) -> Result<ComponentSpec, PipelineError> {
    let path = path.as_ref();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut component = from_file(path)?;
    fill_in(&mut component, Some(folder), 0)?;
    Ok(component)
}

/// Reads a pipeline or a single component from the text of a YAML file. Components in other files
/// stay references.
///
/// # Errors
///
/// The text is not YAML, or not a component.
pub fn parse(text: &str) -> Result<ComponentSpec, PipelineError> {
    let mut component = spec::component_text(text)?;
    fill_in(&mut component, None, 0)?;
    Ok(component)
}

/// Reads a pipeline or a single component from JSON, as Tangle's API sends it.
///
/// # Errors
///
/// The text is not JSON, or not a component.
pub fn parse_json(text: &str) -> Result<ComponentSpec, PipelineError> {
    let mut component = spec::component(&serde_json::from_str(text)?)?;
    fill_in(&mut component, None, 0)?;
    Ok(component)
}

fn from_file(path: &Path) -> Result<ComponentSpec, PipelineError> {
    let text = fs::read_to_string(path).map_err(PipelineError::file(path))?;
    spec::component_text(&text)
}

/// Puts the components of a graph's tasks where references stood.
fn fill_in(
    component: &mut ComponentSpec,
    folder: Option<&Path>,
    depth: usize,
) -> Result<(), PipelineError> {
    let Some(Implementation::Graph(graph)) = &mut component.implementation else { return Ok(()) };
    if depth >= DEPTH {
        let problem = crate::Problem::new("", format!("graphs nest deeper than {DEPTH} levels"));
        return Err(PipelineError::Invalid(vec![problem]));
    }
    for (_, task) in graph.tasks.values_mut() {
        let reference = &mut task.component_ref;
        if let Some(inside) = &mut reference.spec {
            fill_in(inside, folder, depth + 1)?;
        } else if let Some((found, folder)) = referred(reference, folder)? {
            let mut found = found;
            fill_in(&mut found, folder.as_deref(), depth + 1)?;
            reference.spec = Some(Box::new(found));
        }
    }
    Ok(())
}

/// A component and the folder that its own references count from.
type Found = Option<(ComponentSpec, Option<PathBuf>)>;

/// The component that a reference means, where it is at hand.
fn referred(reference: &ComponentReference, folder: Option<&Path>) -> Result<Found, PipelineError> {
    if let Some(text) = &reference.text {
        return Ok(Some((spec::component_text(text)?, folder.map(Path::to_owned))));
    }
    let (Some(url), Some(folder)) = (&reference.url, folder) else { return Ok(None) };
    let path = match url.strip_prefix("file://") {
        Some(path) => PathBuf::from(path),
        None if url.contains("://") => return Ok(None),
        None => folder.join(url),
    };
    let component = from_file(&path).map_err(|source| PipelineError::Referred {
        path: path.clone(),
        source: Box::new(source),
    })?;
    Ok(Some((component, path.parent().map(Path::to_owned))))
}
