//! ACK and CANCEL: requests of one hop that copy their INVITE (RFC 3261 sections 9.1 and 17.1.1.3).

use bytes::Bytes;

use crate::wire::text::Decimal;
use crate::wire::{Frame, HeaderName, StartLine, WireLimits, Writer};

/// The ACK of a failure response (section 17.1.1.3) or the CANCEL (section 9.1) of `invite`: same Request-URI, top Via, From,
/// Call-ID, CSeq number and Route. An ACK has the To of the response; a CANCEL that of the INVITE.
///
/// `lines` are further header lines, each with its CR LF. Credentials go along, since an ACK cannot be challenged (section 22.1).
pub(crate) fn hop_request(invite: &Bytes, method: &str, to: Option<&[u8]>, lines: &[u8]) -> Option<Bytes> {
    let limits = WireLimits::NONE;
    let frame = Frame::parse(invite, &limits).ok()?;
    let StartLine::Request { uri, .. } = frame.start() else {
        return None;
    };
    let cseq = Decimal::new(u64::from(frame.facts().ok()?.cseq));
    let mut writer = Writer::request(method, uri);
    writer.header("Via", frame.values(HeaderName::Via).next()?);
    writer.header("Max-Forwards", b"70");
    for header in frame.headers() {
        match header.name {
            HeaderName::Route => writer.header("Route", header.value),
            HeaderName::Authorization => writer.header("Authorization", header.value),
            HeaderName::ProxyAuthorization => writer.header("Proxy-Authorization", header.value),
            _ => {}
        }
    }
    writer.header("From", frame.first(HeaderName::From)?);
    writer.header("To", to.or_else(|| frame.first(HeaderName::To))?);
    writer.header("Call-ID", frame.first(HeaderName::CallId)?);
    writer.header_parts("CSeq", &[cseq.as_bytes(), b" ", method.as_bytes()]);
    writer.raw(lines);
    Some(writer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_routes_go_along_and_nothing_else() {
        let invite = Bytes::from_static(
            b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 9\r\nRoute: <sip:p;lr>\r\n\
              Authorization: Digest a\r\nProxy-Authorization: Digest b\r\nSubject: s\r\nFrom: <sip:a@h>;tag=1\r\n\
              To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n",
        );
        let ack = hop_request(&invite, "ACK", Some(b"<sip:b@h>;tag=2"), &[]).expect("a request");
        assert_eq!(
            core::str::from_utf8(&ack),
            Ok(
                "ACK sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nRoute: <sip:p;lr>\r\n\
                Authorization: Digest a\r\nProxy-Authorization: Digest b\r\nFrom: <sip:a@h>;tag=1\r\n\
                To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n"
            )
        );
    }
}
