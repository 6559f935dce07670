//! Decision graphs as pictures.

use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};

use crate::error::Error;

/// The longest text that is drawn. Layout takes seconds from there on, and nobody reads larger pictures.
const TEXT_MAX: usize = 60_000;

/// Draws a graph in Graphviz's language as SVG.
///
/// # Errors
/// [`Error::NotDrawn`] for a graph too large to be drawn.
pub fn svg(dot: &str) -> Result<String, Error> {
    if dot.len() > TEXT_MAX {
        return Err(Error::NotDrawn { reason: "it is too large".to_owned() });
    }
    let parsed = DotParser::new(dot).process();
    let graph = parsed.map_err(|reason| Error::NotDrawn { reason })?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&graph);
    let mut writer = SVGWriter::new();
    // Keep the order of edges, optimise crossings, and do not show the layout's own boxes.
    builder.get().do_it(false, false, false, &mut writer);
    Ok(writer.finalize())
}
