//! A digest goes to whoever gave its nonce.

use super::*;

#[test]
fn a_digest_for_somebody_else_is_told() {
    let addr = |n: u8| SocketAddr::from(([10, 0, 0, n], 5060));
    let mut checker = WireChecker::new();
    let register = |branch: &str, cseq: u32, extra: &str| {
        message("REGISTER sip:b@b SIP/2.0", &via(branch), ("a", ""), &format!("{cseq} REGISTER"), extra, "")
    };
    let asks = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n";
    let refusal = message("SIP/2.0 401 Who", &via("z9hG4bK1"), ("a", "b"), "1 REGISTER", asks, "");
    let proof = "Authorization: Digest username=\"a\", realm=\"r\", nonce=\"n1\", response=\"x\"\r\n";
    checker.saw(Instant::ZERO, addr(1), addr(2), register("z9hG4bK1", 1, "").as_bytes()).unwrap();
    checker.saw(Instant::ZERO, addr(2), addr(1), refusal.as_bytes()).unwrap();
    let proven = register("z9hG4bK2", 2, proof);
    checker.clone().saw(Instant::ZERO, addr(1), addr(2), proven.as_bytes()).unwrap();
    let told = checker.saw(Instant::ZERO, addr(1), addr(3), proven.as_bytes()).unwrap_err();
    assert_eq!(told.rule, "a digest goes to whoever asked for it");
}
