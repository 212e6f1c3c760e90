"""Load: thousands of calls from and to sipp."""
from peer_sipp import Sipp
from suite import case


def load_answering(k, scenario, more, builtin, *told):
    phone, port = k.listen("--answer", *told, quiet=True)
    with phone, Sipp(k.out, scenario, f"127.0.0.1:{port}", ["-r", "200", "-l", "2000", *more], calls=5000,
                     builtin=builtin, limit=120) as judge:
        judge.wait(150)
        detail = judge.clean(5000)
        phone.interrupted()
        return detail


@case("load", "sipp", alone=True)
def load_sipp_uac(k):
    """5000 calls at 200 a second from sipp's built-in uac, told: listen --answer"""
    return load_answering(k, "uac", ["-d", "100"], True)


@case("load", "sipp", alone=True)
def load_uac_call(k):
    """5000 calls of 2 s at 200 a second from uac_call.xml, told: listen --answer"""
    return load_answering(k, "uac_call", [], False)


@case("load", "sipp", alone=True)
def load_smol(k):
    """5000 calls at 200 a second from sipp's built-in uac, told: listen --answer --runtime smol"""
    return load_answering(k, "uac", ["-d", "100"], True, "--runtime", "smol")


@case("load", "sipp", alone=True)
def load_calling(k):
    """200 calls to sipp's built-in uas, told: call --calls 200"""
    with Sipp(k.out, "uas", calls=200, builtin=True, limit=150) as judge:
        told = ["--calls", "200", "--duration", "100", "--quiet"]
        with k.call(f"sip:x@127.0.0.1:{judge.port}", *told, quiet=True) as phone:
            phone.exits(0, 120)
            judge.passes(20)
            return judge.clean(200)
