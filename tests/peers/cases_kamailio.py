"""Two of our phones at a registrar and proxy that asks for credentials: Kamailio."""
from peer_kamailio import PASSWORD, Kamailio
from suite import add, case, replayed
from tools import free_port, want


def registered(k, server, user, *told, password=PASSWORD):
    """What a phone is told so that it registers."""
    return ["--register", server.uri(user), "--user", user, "--password", password, *told]


def call(k, **how):
    """Both register, alice calls bob, holds, resumes and hangs up; everything is challenged"""
    trace = k.out / "call.trace"
    with Kamailio(k.out, **how) as server:
        bob, _ = k.listen("--answer", "--calls", "1", *registered(k, server, "bob", "--expires", "60"), name="bob")
        with bob:
            bob.expect("registered", 5, expires=60)
            told = ["--hold-after", "400", "--resume-after", "800", "--duration", "1400", "--record-trace", trace]
            with k.call(server.uri("bob"), *registered(k, server, "alice", *told), name="alice") as alice:
                alice.exits(0, 15)
                want(alice.seen("registered") and alice.seen("answered"), "no `registered` or no `answered` event")
                want(alice.seen("hold") and alice.seen("resumed"), "the call was not held and resumed")
                alice.expect("unregistered", 1)
            bob.exits(0, 10)
            bob.expect("unregistered", 1)
    want(PASSWORD.encode() not in trace.read_bytes(), "the password is in the trace")
    return replayed(k, trace)


KINDS = {
    "kamailio_call": {},
    "kamailio_call_sha256": {"algorithm": "SHA-256"},
    "kamailio_call_no_qop": {"challenge": 0},
    "kamailio_call_counted": {"nonce_count": 1},
    "kamailio_call_one_time": {"one_time": 1},
}
for name, how in KINDS.items():
    def run(k, how=how):
        return call(k, **how)
    run.__doc__ = f"{call.__doc__}; {how or 'MD5, qop=auth'}"
    add(name, run, ["kamailio"], "kamailio")


@case("kamailio", "kamailio")
def kamailio_called_hangs_up(k):
    """Bob, who was called through the proxy he is registered at, hangs up: it asks for his BYE (407), and is answered"""
    trace = k.out / "bob.trace"
    with Kamailio(k.out) as server:
        told = ["--answer", "--calls", "1", "--duration", "800", "--record-trace", trace]
        bob, _ = k.listen(*told, *registered(k, server, "bob", "--expires", "60"), name="bob")
        with bob:
            bob.expect("registered", 5, expires=60)
            with k.call(server.uri("bob"), *registered(k, server, "alice"), name="alice") as alice:
                alice.expect("answered", 5)
                ended = alice.expect("ended", 5)
                want(ended["reason"] == "remote_hangup" and ended["by"] == "peer", f"{ended}")
            bob.exits(0, 10)
    octets = trace.read_bytes()
    # The trace masks what was proved.
    challenged, _, proven = octets.rpartition(b"BYE sip:")
    want(b"407 Proxy Authentication Required" in challenged[challenged.find(b"BYE sip:"):], "the BYE was not challenged")
    want(b"Proxy-Authorization: " in proven, "no digest for the BYE")
    return replayed(k, trace)


@case("kamailio", "kamailio", slow=True)
def kamailio_refresh(k):
    """A registration of 8 s lives for half a minute, though each nonce lives for 3 s (stale=true)"""
    with Kamailio(k.out, nonce_seconds=3) as server:
        phone, _ = k.listen(*registered(k, server, "bob", "--expires", "8"))
        with phone:
            phone.expect("registered", 30, nth=4)
            want(not phone.seen("register-failed"), "a stale nonce was reported")
            phone.interrupted()
            phone.expect("unregistered", 1)
            return "registered 4 times"


@case("kamailio")
def no_registrar(k):
    """Where no registrar is nobody is called, and the phone says so and ends"""
    with k.call("sip:bob@127.0.0.1:9", "--register", f"sip:127.0.0.1:{free_port()}") as phone:
        phone.exits(1, 10)
        failed = phone.expect("register-failed", 1)
        want(failed["by"] == "network" and "nobody was reached" in failed["phrase"], f"{failed}")
        want(not phone.seen("ended"), "it called all the same")


@case("kamailio", "kamailio")
def kamailio_wrong_password(k):
    """A wrong password is refused once and not tried again"""
    with Kamailio(k.out) as server:
        phone, _ = k.listen(*registered(k, server, "bob", password="open barley"))
        with phone:
            failed = phone.expect("register-failed", 5)
            want(failed["status"] == 401 and failed["retry_in"] is None, f"{failed}")
            phone.interrupted()
