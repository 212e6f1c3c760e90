//! 3xx, sent to us and by us.

use offhook_core::coordinator::{CommandError, CoordinatorConfig, Event, HeaderConsent};

use super::support::GIVE_UP;
use super::{Desk, Message, Request, SDP, calling, finish, respond};

/// The peer sends the call elsewhere; the codes of what came of it.
fn redirect(desk: &mut Desk, invite: &Message, status: u16, contacts: &str) -> Vec<String> {
    desk.feed(respond(invite, status, "far", &format!("Contact: {contacts}\r\n"), ""));
    desk.codes()
}

fn targets(desk: &Desk) -> Vec<String> {
    let target = |event: &Event| match event {
        Event::Redirected { target, .. } => Some(target.clone()),
        _ => None,
    };
    desk.events.iter().filter_map(target).collect()
}

fn ended(desk: &Desk) -> String {
    desk.told().last().unwrap().clone()
}

/// RFC 3261 section 8.1.3.4.
#[test]
fn a_call_goes_where_it_is_sent() {
    let (mut desk, session, first) = calling(Desk::new());
    assert_eq!(redirect(&mut desk, &first, 302, "<sip:carol@192.0.2.30:5070>"), ["ACK", "INVITE"]);
    let sent = desk.last("INVITE");
    let second = sent.message;
    assert_eq!(sent.path.remote.to_string(), "192.0.2.30:5070");
    assert_eq!(second.uri(), "sip:carol@192.0.2.30:5070");
    for kept in ["From", "To", "Call-ID"] {
        assert_eq!(second.header(kept), first.header(kept), "RFC 3261 section 8.1.3.5");
    }
    assert_eq!(second.cseq(), first.cseq() + 1);
    assert_ne!(second.branch(), first.branch());
    assert!(second.body().contains("m=audio "), "the offer goes along");
    assert_eq!(targets(&desk), ["sip:carol@192.0.2.30:5070"]);
    desk.feed(respond(&second, 200, "carol", "Contact: <sip:carol@192.0.2.30:5070>\r\n", SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(ended(&desk), "answered");
    // The first INVITE is over: a repeat of its 302 gets its ACK again, and nothing else.
    desk.feed(respond(&first, 302, "far", "Contact: <sip:dave@192.0.2.31>\r\n", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.hangup(session);
    finish(&mut desk);
}

/// RFC 3261 section 19.1.5: what is harmless goes along as far as the settings consent to it, what is not never does.
#[test]
fn the_headers_of_a_redirection_go_along_as_far_as_they_are_consented_to() {
    let contact = "<sip:carol@192.0.2.30;method=INVITE?X-Account=7&User-to-User=56%3Bencoding%3Dhex&Route=%3Csip:evil%40h%3E\
         &From=%3Csip:evil%40h%3E&Call-ID=x&Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc&X-Evil=1%0D%0AVia:%20x>";
    let named =
        HeaderConsent::Named(vec!["user-to-user".into(), "Route".into(), "From".into(), "X-Evil".into()]);
    let (account, told) = (Some("7"), Some("56;encoding=hex"));
    for (consent, taken) in [
        (HeaderConsent::Nothing, [None, None]),
        (named, [None, told]),
        (HeaderConsent::Harmless, [account, told]),
    ] {
        let mut config = CoordinatorConfig::default();
        config.redirect_headers = consent;
        let (mut desk, session, first) = calling(Desk::with(config));
        redirect(&mut desk, &first, 302, contact);
        let second = desk.last("INVITE").message;
        assert_eq!(second.uri(), "sip:carol@192.0.2.30");
        assert_eq!(["X-Account", "User-to-User"].map(|name| second.all(name).first().copied()), taken);
        for evil in ["Route", "Replaces", "X-Evil"] {
            assert!(second.all(evil).is_empty(), "{evil}");
        }
        for kept in ["From", "To", "Call-ID"] {
            assert_eq!(second.header(kept), first.header(kept));
        }
        let wishes = desk.events.iter().find_map(|event| match event {
            Event::Redirected { wishes, .. } => Some(wishes.clone()),
            _ => None,
        });
        let wishes = wishes.unwrap();
        let wishes: Vec<(&str, &str)> = wishes.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(wishes, [("X-Account", "7"), ("User-to-User", "56;encoding=hex")], "shown in any case");
        // It is the same call when it has to be tried again.
        let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
        desk.feed(respond(&second, 401, "carol", challenge, ""));
        desk.hangup(session);
        desk.run_for(GIVE_UP);
        desk.assert_all_gone();
    }
}

#[test]
fn two_redirects_that_point_at_each_other_end() {
    let (mut desk, _, first) = calling(Desk::new());
    assert_eq!(redirect(&mut desk, &first, 302, "<sip:b@192.0.2.30>"), ["ACK", "INVITE"]);
    let second = desk.last("INVITE").message;
    assert_eq!(redirect(&mut desk, &second, 302, TARGET_AGAIN), ["ACK"]);
    assert_eq!(ended(&desk), "ended Rejected 302");
    desk.assert_all_gone();
}

/// The first target, spelled otherwise.
const TARGET_AGAIN: &str = "<sip:peer@192.0.2.9:5060>;q=1.0";

#[test]
fn a_chain_of_redirects_ends_at_the_limit() {
    let (mut desk, _, mut invite) = calling(Desk::new());
    for n in 1..=5 {
        let contact = format!("<sip:b@192.0.2.{}>", 30 + n);
        assert_eq!(redirect(&mut desk, &invite, 302, &contact), ["ACK", "INVITE"]);
        invite = desk.last("INVITE").message;
    }
    assert_eq!(redirect(&mut desk, &invite, 302, "<sip:b@192.0.2.99>"), ["ACK"]);
    assert_eq!(ended(&desk), "ended Rejected 302");
    desk.assert_all_gone();
}

/// RFC 3261 section 16.6, by `q`.
#[test]
fn places_are_tried_by_preference_until_one_answers() {
    let (mut desk, session, invite) = calling(Desk::new());
    let contacts = "<sip:c@192.0.2.32>;q=0.2, <sip:a@192.0.2.30>;q=0.9, <tel:+123>, <sip:b@192.0.2.31>;q=0.5";
    redirect(&mut desk, &invite, 300, contacts);
    let a = desk.last("INVITE").message;
    // A ringing place that refuses leaves nothing behind.
    desk.feed(respond(&a, 180, "a", "", ""));
    desk.feed(respond(&a, 486, "a", "", ""));
    assert_eq!(desk.codes(), ["ACK", "INVITE"]);
    let b = desk.last("INVITE").message;
    assert_eq!(b.uri(), "sip:b@192.0.2.31");
    // The next says nothing at all.
    desk.run_for(GIVE_UP);
    let c = desk.last("INVITE").message;
    assert_eq!(c.uri(), "sip:c@192.0.2.32");
    assert_eq!(targets(&desk), ["sip:a@192.0.2.30", "sip:b@192.0.2.31", "sip:c@192.0.2.32"]);
    desk.feed(respond(&c, 200, "c", "Contact: <sip:c@192.0.2.32>\r\n", SDP));
    desk.hangup(session);
    finish(&mut desk);
}

/// RFC 3261 section 21.6.
#[test]
fn nobody_goes_on_after_a_6xx() {
    let (mut desk, _, invite) = calling(Desk::new());
    redirect(&mut desk, &invite, 302, "<sip:a@192.0.2.30>, <sip:b@192.0.2.31>");
    let a = desk.last("INVITE").message;
    desk.feed(respond(&a, 603, "a", "", ""));
    assert_eq!(desk.codes(), ["ACK"], "a 6xx speaks for all places");
    assert_eq!(ended(&desk), "ended Rejected 603");
    desk.assert_all_gone();
}

#[test]
fn a_host_that_is_not_found_is_passed_over() {
    let (mut desk, session, invite) = calling(Desk::new());
    redirect(&mut desk, &invite, 302, "<sip:a@nowhere.invalid>, <sip:b@192.0.2.31>;q=0.1");
    desk.name_failed();
    assert_eq!(desk.codes(), ["INVITE"]);
    assert_eq!(desk.last("INVITE").message.uri(), "sip:b@192.0.2.31");
    desk.hangup(session);
    desk.assert_all_gone();
}

#[test]
fn an_application_that_does_not_follow_gets_the_contacts() {
    let mut config = CoordinatorConfig::default();
    config.redirects_max = 0;
    let (mut desk, _, invite) = calling(Desk::with(config));
    let codes = redirect(&mut desk, &invite, 302, "<sip:a@192.0.2.30>;q=0.5, <sip:b@192.0.2.31>;q=0.7");
    assert_eq!(codes, ["ACK"]);
    let Some(Event::Ended { message: Some(message), status: Some(302), .. }) = desk.events.last() else {
        panic!("{:?}", desk.events.last())
    };
    let contacts: Vec<_> = message.contacts().into_iter().map(|contact| (contact.uri, contact.q)).collect();
    assert_eq!(contacts, [("sip:b@192.0.2.31".into(), 700), ("sip:a@192.0.2.30".into(), 500)]);
    desk.assert_all_gone();
}

#[test]
fn what_we_do_not_speak_is_not_called() {
    for contacts in
        ["<sips:a@192.0.2.30>", "<tel:+1>", "<sip:a@192.0.2.30;transport=tcp>", "*", "\"", "<sip:>"]
    {
        let (mut desk, _, invite) = calling(Desk::new());
        assert_eq!(redirect(&mut desk, &invite, 302, contacts), ["ACK"], "{contacts}");
        assert_eq!(ended(&desk), "ended Rejected 302");
    }
}

#[test]
fn hanging_up_ends_a_redirected_call_at_any_moment() {
    let (mut desk, session, invite) = calling(Desk::new());
    redirect(&mut desk, &invite, 302, "<sip:a@somewhere.example>");
    assert_eq!(desk.asked.len(), 1);
    desk.hangup(session);
    assert_eq!(ended(&desk), "ended LocalHangup");
    desk.name_found("192.0.2.30:5060");
    assert!(desk.codes().is_empty());
    desk.assert_all_gone();
    // The 302 crosses the CANCEL: nobody is called any more.
    let (mut desk, session, invite) = calling(Desk::new());
    desk.feed(respond(&invite, 180, "far", "", ""));
    desk.hangup(session);
    assert_eq!(desk.codes(), ["CANCEL"]);
    assert_eq!(redirect(&mut desk, &invite, 302, "<sip:a@192.0.2.30>"), ["ACK"]);
    assert_eq!(ended(&desk), "ended LocalHangup 302");
    desk.assert_all_gone();
}

#[test]
fn one_ring_timeout_covers_all_places() {
    let (mut desk, _, invite) = calling(Desk::new());
    desk.feed(respond(&invite, 180, "far", "", ""));
    desk.run_for(core::time::Duration::from_secs(170));
    redirect(&mut desk, &invite, 302, "<sip:a@192.0.2.30>");
    let a = desk.last("INVITE").message;
    desk.feed(respond(&a, 180, "a", "", ""));
    desk.run_for(core::time::Duration::from_secs(11));
    assert_eq!(desk.all_codes().last().unwrap(), "CANCEL");
    let cancel = desk.last("CANCEL").message;
    assert_eq!((cancel.uri(), cancel.cseq()), (a.uri(), a.cseq()));
}

/// RFC 3261 section 21.3.3.
#[test]
fn a_caller_is_sent_elsewhere() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    let now = desk.now;
    let contacts = ["sip:carol@192.0.2.30", "<tel:+4930123>;q=0.5"];
    desk.core.redirect(now, session, &contacts).unwrap();
    desk.drain();
    let sent = desk.last("302").message;
    assert_eq!(sent.all("Contact"), ["<sip:carol@192.0.2.30>, <tel:+4930123>;q=0.5"]);
    assert_eq!(ended(&desk), "ended Declined 302");
    desk.feed(invite.again("ACK").callee_tag(&sent.callee_tag()).text());
    desk.assert_all_gone();
}

#[test]
fn a_contact_that_is_none_is_refused() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    let (session, now) = (desk.incoming(), desk.now);
    for contacts in
        [&["carol"][..], &[], &["sip:a@h\r\nX: y"], &["<sip:a@h>\r\nX: y"], &["sip:a@h>, <sip:b@h"], &["*"]]
    {
        let refused = desk.core.redirect(now, session, contacts);
        assert!(matches!(refused, Err(CommandError::BadArgument { what: "contact", .. })), "{contacts:?}");
    }
    assert_eq!(desk.told(), ["incoming"], "and the call is still there");
}
