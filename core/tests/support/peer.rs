//! The peer's side: requests and responses written out by hand.

use super::Message;

pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 8\r\na=sendrecv\r\n";
/// The same as [`SDP`], moved to another port, and A-law first.
pub(crate) const SDP_OTHER_PORT: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 40002 RTP/AVP 8\r\na=sendrecv\r\n";
pub(crate) const SDP_NO_CODEC: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 98\r\na=rtpmap:98 nonsense/8000\r\n";

/// A request of the peer, by default outside any dialog.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    uri: String,
    via: Option<String>,
    branch: String,
    from_tag: String,
    to_tag: String,
    call_id: String,
    cseq: u32,
    contact: Option<String>,
    headers: Vec<String>,
    body: Option<(String, String)>,
}

impl Request {
    pub(crate) fn new(method: &str) -> Self {
        Self {
            method: method.into(),
            uri: "sip:offhook@192.0.2.1".into(),
            via: None,
            branch: "one".into(),
            from_tag: "peer".into(),
            to_tag: String::new(),
            call_id: "call".into(),
            cseq: 1,
            contact: Some("<sip:peer@192.0.2.9:5060>".into()),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Another request of the same call, with the same number, no body and no further headers.
    pub(crate) fn again(&self, method: &str) -> Self {
        Self { method: method.into(), headers: Vec::new(), body: None, ..self.clone() }
    }

    pub(crate) fn uri(mut self, uri: &str) -> Self {
        self.uri = uri.into();
        self
    }

    /// Replaces the Via lines, each ending with CR LF.
    pub(crate) fn via(mut self, via: &str) -> Self {
        self.via = Some(via.into());
        self
    }

    pub(crate) fn branch(mut self, branch: &str) -> Self {
        self.branch = branch.into();
        self
    }

    pub(crate) fn caller_tag(mut self, tag: &str) -> Self {
        self.from_tag = tag.into();
        self
    }

    pub(crate) fn callee_tag(mut self, tag: &str) -> Self {
        self.to_tag = tag.into();
        self
    }

    pub(crate) fn call_id(mut self, call_id: &str) -> Self {
        self.call_id = call_id.into();
        self
    }

    pub(crate) fn cseq(mut self, cseq: u32) -> Self {
        self.cseq = cseq;
        self
    }

    pub(crate) fn contact(mut self, contact: &str) -> Self {
        self.contact = Some(contact.into());
        self
    }

    pub(crate) fn no_contact(mut self) -> Self {
        self.contact = None;
        self
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push(line.into());
        self
    }

    pub(crate) fn sdp(self, body: &str) -> Self {
        self.body("application/sdp", body)
    }

    pub(crate) fn body(mut self, kind: &str, body: &str) -> Self {
        self.body = Some((kind.into(), body.into()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { method, uri, branch, from_tag, call_id, cseq, .. } = self;
        let via = self
            .via
            .clone()
            .unwrap_or_else(|| format!("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch}\r\n"));
        let to_tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\n{via}Max-Forwards: 70\r\nFrom: <sip:peer@192.0.2.9>;tag={from_tag}\r\n\
             To: <sip:offhook@192.0.2.1>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        );
        if let Some(contact) = &self.contact {
            text += &format!("Contact: {contact}\r\n");
        }
        for line in &self.headers {
            text += &format!("{line}\r\n");
        }
        match &self.body {
            Some((kind, body)) => {
                text += &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
            None => text += "Content-Length: 0\r\n\r\n",
        }
        text
    }
}

/// A response to a request of ours. `lines` are further header lines, each ending with CR LF.
pub(crate) fn respond(request: &Message, status: u16, to_tag: &str, lines: &str, sdp: &str) -> String {
    let mut text = format!("SIP/2.0 {status} Whatever\r\n");
    for via in request.all("Via") {
        text += &format!("Via: {via};received=192.0.2.1\r\n");
    }
    let to = request.header("To");
    let tag =
        if to_tag.is_empty() || to.contains(";tag=") { String::new() } else { format!(";tag={to_tag}") };
    text += &format!("From: {}\r\nTo: {to}{tag}\r\n", request.header("From"));
    text += &format!("Call-ID: {}\r\nCSeq: {}\r\n{lines}", request.header("Call-ID"), request.header("CSeq"));
    if !sdp.is_empty() {
        text += "Content-Type: application/sdp\r\n";
    }
    text + &format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len())
}
