//! Users and a network of any kind against the model of what users must be told.

use offhook_core::sim::model;

pub(crate) fn run(octets: &[u8]) {
    if let Err(failure) = model::run(&model::actions(octets)) {
        panic!("{failure}");
    }
}
