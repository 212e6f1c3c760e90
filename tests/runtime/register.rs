//! Registrations and credentials, at a registrar of text.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{LOOPBACK, on_runtime, soon};
use crate::rt::{
    AuthFailure, Config, Event, PeerError, Refuser, RegistrationState, SimplePeer, UnifiedCoordinator,
};

on_runtime!(
    a_telephone_registers_and_leaves,
    a_refusal_is_an_error_and_nothing_goes_on,
    a_coordinator_registers_and_unregisters,
    a_registration_is_ended_by_its_handle,
    a_refusal_says_who_said_no
);

const HOUR: Duration = Duration::from_secs(3_600);

/// Answers every REGISTER: 401 to one without credentials, else with the status it is made with.
struct Registrar {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Registrar {
    fn new(status: u16) -> Self {
        let socket = UdpSocket::bind(LOOPBACK).unwrap();
        // The thread ends with the test.
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (address, heard) = (socket.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut octets = [0; 4_096];
            while let Ok((len, from)) = socket.recv_from(&mut octets) {
                let request = String::from_utf8_lossy(&octets[..len]).into_owned();
                let response = answer(&request, status);
                told.lock().unwrap().push(request);
                socket.send_to(response.as_bytes(), from).unwrap();
            }
        });
        Self { address, heard }
    }

    fn uri(&self) -> String {
        format!("alice@{}", self.address)
    }

    /// The values of Expires that were heard, in the requests that had credentials.
    fn expires(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let proven =
            heard.iter().filter(|request| request.contains("\r\nAuthorization: Digest username=\"alice\""));
        proven.map(|request| field(request, "Expires").to_string()).collect()
    }
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}

fn answer(request: &str, status: u16) -> String {
    let known = request.contains("\r\nAuthorization: ");
    let mut text = format!("SIP/2.0 {} Whatever\r\n", if known { status } else { 401 });
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        text += &format!("{name}: {}\r\n", field(request, name));
    }
    text += &format!("To: {};tag=registrar\r\n", field(request, "To"));
    text += &match known {
        true => format!("Contact: {};expires={}\r\n", field(request, "Contact"), field(request, "Expires")),
        false => "WWW-Authenticate: Digest realm=\"here\", nonce=\"n\", qop=\"auth\"\r\n".to_string(),
    };
    text + "Content-Length: 0\r\n\r\n"
}

async fn alice() -> SimplePeer {
    let address = "alice@registrar.example";
    SimplePeer::builder("alice")
        .bind(LOOPBACK)
        .address_of_record(address)
        .credentials("alice", "secret")
        .start()
        .await
        .unwrap()
}

async fn a_telephone_registers_and_leaves() {
    let registrar = Registrar::new(200);
    let alice = alice().await;
    let kept = soon(alice.register(&registrar.uri(), HOUR)).await.unwrap();
    assert!(matches!(kept.state(), RegistrationState::Registered { expires_in } if expires_in > HOUR / 2));
    kept.retry_now().unwrap();
    alice.network_changed();
    assert!(matches!(kept.state(), RegistrationState::Registered { .. }), "it holds meanwhile");
    soon(alice.shutdown()).await;
    assert_eq!(kept.state(), RegistrationState::Unregistered);
    assert!(kept.retry_now().is_err());
    let heard = registrar.expires();
    let last = heard.last().map(String::as_str);
    assert!(heard.len() >= 3 && heard[0] == "3600" && last == Some("0"), "{heard:?}");
}

async fn a_refusal_is_an_error_and_nothing_goes_on() {
    for status in [403, 503] {
        let registrar = Registrar::new(status);
        let alice = alice().await;
        let refused = soon(alice.register(&registrar.uri(), HOUR)).await;
        assert!(
            matches!(refused, Err(PeerError::Refused { status: got, .. }) if got == status),
            "{refused:?}"
        );
        soon(alice.shutdown()).await;
        assert_eq!(registrar.expires(), ["3600"]);
    }
}

/// An error says who said no, in type and in text, and what came of the credentials.
async fn a_refusal_says_who_said_no() {
    let alice = alice().await;
    let registrar = Registrar::new(403);
    let refused = soon(alice.register(&registrar.uri(), HOUR)).await.unwrap_err();
    assert_eq!((refused.refuser(), refused.status()), (Refuser::Peer, Some(403)));
    assert!(refused.to_string().starts_with("the other side refused the registration: 403"), "{refused}");
    // Nobody listens there.
    let gone = UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let lost = soon(alice.register(&format!("alice@{gone}"), HOUR)).await.unwrap_err();
    assert_eq!(lost.refuser(), Refuser::Network);
    assert!(
        lost.to_string().starts_with("the network failed the registration: nobody was reached there"),
        "{lost}"
    );
    // A number is no host: resolvers take it for an address.
    for registrar in ["1000", "alice@127.1", "sip:alice@2130706433"] {
        let refused = soon(alice.register(registrar, HOUR)).await.unwrap_err();
        assert!(matches!(refused, PeerError::BadArgument { what: "target", .. }), "{refused}");
        assert!(refused.to_string().contains("is no host"), "{refused}");
    }
    let lost =
        soon(alice.coordinator().message(&format!("bob@{gone}"), "text/plain", b"x")).await.unwrap_err();
    assert_eq!(lost.refuser(), Refuser::Network);
    assert!(lost.to_string().starts_with("the network failed the message"), "{lost}");
    soon(alice.shutdown()).await;
    // Without credentials, and with some for another realm.
    let registrar = Registrar::new(200);
    let bare = SimplePeer::builder("alice").bind(LOOPBACK);
    let other = SimplePeer::builder("alice").bind(LOOPBACK).credentials_for("elsewhere", "alice", "secret");
    for builder in [bare, other] {
        let alice = builder.start().await.unwrap();
        let refused = soon(alice.register(&registrar.uri(), HOUR)).await.unwrap_err();
        let auth = refused.auth().cloned();
        assert_eq!(auth, Some(AuthFailure::Missing { realm: "here".into() }), "{refused}");
        assert!(refused.to_string().contains("401"), "{refused}");
        soon(alice.shutdown()).await;
    }
}

async fn a_registration_is_ended_by_its_handle() {
    let registrar = Registrar::new(200);
    let alice = alice().await;
    let kept = soon(alice.register(&registrar.uri(), HOUR)).await.unwrap();
    let mut events = alice.coordinator().events();
    // Whoever has its name only has the same one.
    let again = alice.coordinator().registration(kept.id()).unwrap();
    again.unregister().unwrap();
    while !matches!(soon(events.next()).await, Some(Event::Unregistered { registration }) if registration == kept.id())
    {
    }
    assert_eq!(
        (kept.state(), again.state()),
        (RegistrationState::Unregistered, RegistrationState::Unregistered)
    );
    assert!(matches!(kept.unregister(), Err(PeerError::WrongState { .. })));
    assert!(alice.coordinator().registration(kept.id()).is_none());
    assert_eq!(registrar.expires(), ["3600", "0"], "nothing goes on");
    soon(alice.shutdown()).await;
}

async fn a_coordinator_registers_and_unregisters() {
    let registrar = Registrar::new(200);
    let credentials = crate::rt::Credentials::new("alice", "secret").for_realm("here");
    let desk =
        UnifiedCoordinator::new(Config::new("alice", LOOPBACK).credentials(credentials)).await.unwrap();
    let mut events = desk.events();
    let id = desk.register(&registrar.uri(), HOUR).unwrap();
    let made = soon(events.next()).await;
    assert!(
        matches!(made, Some(Event::Registered { registration, expires: 3_600, .. }) if registration == id)
    );
    desk.unregister(id).unwrap();
    let over = soon(events.next()).await;
    assert!(matches!(over, Some(Event::Unregistered { registration }) if registration == id), "{over:?}");
    assert!(desk.unregister(id).is_err());
    soon(desk.shutdown()).await;
    assert_eq!(registrar.expires(), ["3600", "0"]);
}
