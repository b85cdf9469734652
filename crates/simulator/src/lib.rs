//! Simulated vendors: real HTTP servers on loopback that answer in a vendor's dialect, at a chosen
//! pace, with chosen faults. For the demo, the tests and the load bench; every reply says in a header
//! that it is a simulation. It thinks nothing, prices nothing and never leaves this machine.

mod answer;
mod ask;
mod dialects;
mod fault;
mod gzip;
mod line;
mod playback;
mod received;
mod reply;
mod schema;
mod service;
mod spec;
mod vendor;

pub use fault::Fault;
pub use received::{Ended, Received, Stats};
pub use spec::{Answer, Manner, VendorSpec};
pub use vendor::Vendor;
