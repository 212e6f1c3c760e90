use super::*;

fn message(text: &str) -> MessageDetails {
    let address = "192.0.2.1:5060".parse().expect("an address");
    let limits = WireLimits::default();
    let frame = Frame::parse(text.as_bytes(), &limits).expect("a message");
    MessageDetails::new(&frame, Path::udp(address, address))
}

fn invite(from: &str, headers: &str) -> MessageDetails {
    message(&format!(
        "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: {from}\r\nTo: <sip:a@h>\r\n\
         Call-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
    ))
}

fn with(headers: &str) -> MessageDetails {
    invite("<sip:j@h>;tag=1", headers)
}

#[test]
fn a_display_name_is_shown_as_it_is_meant() {
    let display = |from: &str| invite(from, "").from_display().map(Cow::into_owned);
    assert_eq!(display(r#""J \"R\" \\ Hacker" <sip:j@h>;tag=1"#).as_deref(), Some(r#"J "R" \ Hacker"#));
    assert_eq!(display("Bob <sip:j@h>;tag=1").as_deref(), Some("Bob"));
    assert_eq!(display("<sip:j@h>;tag=1"), None);
}

#[test]
fn reasons_of_several_protocols_are_read() {
    let details = with(
        "Reason: SIP ;cause=200 ;text=\"Call completed, elsewhere\", Q.850;cause=16\r\nReason: X\r\n\
         Reason: ;cause=1, Q.850;cause=70000, SIP;cause=x\r\n",
    );
    let reasons = details.reasons();
    let short: Vec<_> =
        reasons.iter().map(|it| (it.protocol.as_str(), it.cause, it.text.as_deref())).collect();
    assert_eq!(
        short,
        [
            ("SIP", Some(200), Some("Call completed, elsewhere")),
            ("Q.850", Some(16), None),
            ("X", None, None),
            ("Q.850", None, None),
            ("SIP", None, None),
        ]
    );
}

#[test]
fn identities_are_read_and_none_is_made_up() {
    let details = with(
        "P-Asserted-Identity: \"Alice, A.\" <sip:alice@net>, tel:+4930123\r\nP-Preferred-Identity: <sip:al@net>\r\n",
    );
    let uris: Vec<String> = details.asserted_identities().into_iter().map(|it| it.uri).collect();
    assert_eq!(uris, ["sip:alice@net", "tel:+4930123"]);
    assert_eq!(details.asserted_identity().and_then(|it| it.display).as_deref(), Some("Alice, A."));
    assert_eq!(details.preferred_identities().len(), 1);
    assert_eq!(with("P-Asserted-Identity: nonsense\r\n").asserted_identity(), None);
    assert_eq!(with("").asserted_identity(), None);
}

#[test]
fn privacy_is_what_all_values_say_together() {
    let privacy = with("Privacy: id;critical\r\nPrivacy: history, nothing-known\r\n").privacy();
    assert_eq!(privacy, Privacy { id: true, critical: true, history: true, ..Privacy::default() });
    assert!(privacy.hides_caller());
    assert!(!with("Privacy: NONE\r\n").privacy().hides_caller());
    assert_eq!(with("").privacy(), Privacy::default());
}

#[test]
fn diversions_and_history_tell_the_way() {
    let details = with(
        "Diversion: <sip:bob@h>;reason=user-busy;counter=2;privacy=off, \"C\" <tel:+1>;reason=\"no-answer\"\r\n\
         History-Info: <sip:bob@h?Reason=SIP%3Bcause%3D302&Privacy=id>;index=1, <sip:carol@h;p=1>;index=1.1;rc=1\r\n",
    );
    let diversions = details.diversions();
    let first = diversions.first().expect("two");
    assert_eq!((first.who.uri.as_str(), first.counter), ("sip:bob@h", Some(2)));
    assert_eq!(first.reason.as_deref(), Some("user-busy"));
    assert_eq!(diversions.get(1).and_then(|it| it.reason.as_deref()), Some("no-answer"));
    let history = details.history();
    let first = history.first().expect("two");
    assert_eq!((first.target.uri.as_str(), first.index.as_str()), ("sip:bob@h", "1"));
    assert_eq!(first.reasons.first().and_then(|reason| reason.cause), Some(302));
    assert_eq!(history.get(1).map(|it| it.target.uri.as_str()), Some("sip:carol@h;p=1"));
}

#[test]
fn contacts_of_a_redirection_come_by_preference() {
    let details = message(
        "SIP/2.0 302 Elsewhere\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:j@h>;tag=1\r\nTo: <sip:a@h>;tag=2\r\n\
         Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:c@h>;q=0.3, <sip:b@h>;q=0.75\r\nm: sip:d@h\r\n\
         Contact: <sip:z@h>;q=nonsense\r\nRetry-After: 18000;duration=60 (lunch)\r\n\r\n",
    );
    let contacts: Vec<_> = details.contacts().into_iter().map(|it| (it.uri, it.q)).collect();
    let expected = [("sip:d@h", 1_000), ("sip:b@h", 750), ("sip:c@h", 300), ("sip:z@h", 0)];
    assert!(contacts.iter().map(|(uri, q)| (uri.as_str(), *q)).eq(expected), "{contacts:?}");
    assert_eq!((details.status(), details.phrase().as_deref()), (Some(302), Some("Elsewhere")));
    assert_eq!(details.retry_after(), Some(Duration::from_secs(18_000)));
    assert_eq!(details.method(), None);
}

#[test]
fn headers_that_nobody_knows_are_read_as_they_are() {
    let details = with("X-Tags: a, b\r\nx-tags: c\r\nAllow: INVITE, BYE\r\n");
    assert_eq!(details.header_values("X-TAGS"), ["a, b", "c"]);
    assert_eq!(details.header_values("allow"), ["INVITE", "BYE"]);
    assert_eq!(details.method().as_deref(), Some("INVITE"));
}

#[test]
fn what_every_call_is_asked_for_is_found_where_it_stands() {
    let text = "\r\nINVITE sip:a@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: \"J, R\"\r\n <sip:j@h>;tag=1\r\n\
                To: \r\n\t<sip:a@h>\r\ni:  one@h \r\nCSeq: 1 INVITE\r\nReplaces: 2;from-tag=3;to-tag=4\r\n\r\n";
    let details = message(text);
    assert_eq!(details.from_uri(), "sip:j@h");
    assert_eq!(details.from_display().as_deref(), Some("J, R"));
    assert_eq!(details.to_uri(), "sip:a@h");
    assert_eq!(details.call_id(), "one@h");
    assert!(details.replaces() && !with("X-Replaces: 1\r\n").replaces());
}
