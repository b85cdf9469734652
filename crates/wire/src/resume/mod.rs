//! Going on with an answer that broke off after a part of it was sent: what the caller has, how another
//! target is asked for the rest, and how the rest is joined to it. Who is asked is not decided here.

mod aligner;
mod arguments;
mod joining;
mod place;
mod thought;
mod transcript;
mod unfinished;

pub(crate) use aligner::Aligner;
pub(crate) use arguments::are_whole;
pub(crate) use place::{OpenBlock, Place, PlacedItem};
pub(crate) use transcript::{Piece, Transcript};
pub(crate) use unfinished::turn_of;
pub use unfinished::{GO_ON, Prefills, Resumption, Unfinished};
