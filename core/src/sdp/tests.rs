//! Tests of session descriptions and of offer and answer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod answering;
mod codecs;
mod offering;
mod properties;
mod reading;

use alloc::{format, string::String, vec::Vec};
use core::net::SocketAddr;

use super::plan::{Direction, MediaPlan};
use super::*;

/// Our side in most tests.
fn local() -> LocalMedia {
    LocalMedia {
        address: "192.0.2.1".parse().unwrap(),
        rtp_port: 40_000,
        rtcp_port: 40_001,
        codecs: CodecList::default(),
        dtmf: true,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        session_id: 77,
        version: 3,
        cname: "abc".into(),
    }
}

/// A description of a peer at 198.51.100.7, with these media lines.
fn peer(media: &str) -> Vec<u8> {
    let head = "v=0\no=bob 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n";
    format!("{head}{media}").replace('\n', "\r\n").into_bytes()
}

fn text(sdp: &[u8]) -> String {
    String::from_utf8(sdp.to_vec()).unwrap()
}

fn at(address: &str) -> Option<SocketAddr> {
    Some(address.parse().unwrap())
}

/// The plan and the answer's media lines for an offer with these media lines.
fn answered(media: &str) -> (MediaPlan, String) {
    answered_by(&local(), media)
}

fn answered_by(local: &LocalMedia, media: &str) -> (MediaPlan, String) {
    let Answered { sdp, plan } = answer(&peer(media), local).unwrap();
    let sdp = text(&sdp).replace("\r\n", "\n");
    let start = sdp.find("m=").unwrap();
    (plan, sdp[start..].into())
}

fn refused(media: &str) -> AnswerError {
    answer(&peer(media), &local()).unwrap_err()
}

fn accepted(media: &str) -> Result<MediaPlan, AnswerError> {
    accept_answer(&peer(media), &local())
}
