//! Reading and writing an INVITE of 1 KiB.
#![allow(missing_docs, clippy::unwrap_used, reason = "the macros of criterion write functions; a bench")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use offhook_core::wire::{Frame, HeaderName, Method, NameAddr, Uri, WireLimits, Writer};

mod support;

/// Everything that a user agent needs to know of an INVITE before it rings.
fn read_all(bytes: &[u8]) -> usize {
    let frame = Frame::parse(bytes, &WireLimits::default()).unwrap();
    let facts = frame.facts().unwrap();
    let target = Uri::parse(frame.uri().unwrap()).unwrap();
    let contact = NameAddr::parse(frame.values(HeaderName::Contact).next().unwrap()).unwrap();
    let contact_uri = Uri::parse(contact.uri).unwrap();
    assert!(frame.fault().is_none() && facts.cseq_method == Method::Invite);
    let routes = frame.values(HeaderName::RecordRoute).count() + frame.values(HeaderName::Require).count();
    facts.call_id.len()
        + target.user.map_or(0, <[u8]>::len)
        + contact_uri.params.len()
        + frame.body().len()
        + routes
}

/// An INVITE as long as the sample, from its parts.
fn build(body: &[u8]) -> usize {
    let mut writer = Writer::request("INVITE", b"sip:offhook@198.51.100.7:5060;transport=udp");
    writer.header_parts(
        "Via",
        &[b"SIP/2.0/UDP ", b"192.0.2.33:5062", b";branch=z9hG4bK-524287-1-12345678;rport"],
    );
    writer.header("Max-Forwards", b"70");
    writer.header_parts("From", &[b"\"Alice Liddell\" <sip:alice@example.org>", b";tag=", b"ac2b6d12345678"]);
    writer.header("To", b"<sip:offhook@198.51.100.7>");
    writer.header("Call-ID", b"7d1c5e80-a52f-4f0e-b1cb-12345678@192.0.2.33");
    writer.header_parts("CSeq", &[b"20", b" ", b"INVITE"]);
    writer.header("Contact", b"<sip:alice@192.0.2.33:5062;transport=udp>");
    writer.header("Allow", b"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY, REFER");
    writer.header("Supported", b"replaces, timer, 100rel");
    writer.header("User-Agent", b"Example Phone 4.21 (desk)");
    writer.header("Accept", b"application/sdp, application/dtmf-relay");
    writer.header("Subject", b"something to say, at length, until this message is one kibibyte in length");
    writer.finish_with("application/sdp", body).len()
}

fn wire(criterion: &mut Criterion) {
    let invite = support::sample_invite();
    let body = invite.get(invite.len() - 312..).unwrap().to_vec();
    assert_eq!(build(&body), invite.len());
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Bytes(invite.len() as u64));
    group.bench_function("parse an INVITE of 1 KiB", |bencher| bencher.iter(|| read_all(black_box(&invite))));
    group.bench_function("build an INVITE of 1 KiB", |bencher| bencher.iter(|| build(black_box(&body))));
    group.finish();
}

criterion_group!(benches, wire);
criterion_main!(benches);
