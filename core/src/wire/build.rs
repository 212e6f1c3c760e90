//! Writes messages into one buffer.

use alloc::vec::Vec;

use bytes::Bytes;

use super::text::{Decimal, Sink as _, unfold_into};

/// Room for a usual message without growing.
const CAPACITY: usize = 1_024;

/// Writes one message from its start line on.
///
/// CR and LF inside a value are written as a space, so no value can end its line; what the application
/// passes is checked (and refused) earlier, see [`check_text`](super::check_text).
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Begins a request.
    pub fn request(method: &str, uri: &[u8]) -> Self {
        let mut writer = Self { out: Vec::with_capacity(CAPACITY) };
        unfold_into(method.as_bytes(), &mut writer.out);
        writer.out.put(b" ");
        unfold_into(uri, &mut writer.out);
        writer.out.put(b" SIP/2.0\r\n");
        writer
    }

    /// Begins a response.
    pub fn response(status: u16, reason: &str) -> Self {
        Self::response_with_capacity(status, reason, CAPACITY)
    }

    pub(crate) fn response_with_capacity(status: u16, reason: &str, capacity: usize) -> Self {
        let mut writer = Self { out: Vec::with_capacity(capacity) };
        writer.out.put(b"SIP/2.0 ");
        writer.out.put(Decimal::new(u64::from(status)).as_bytes());
        writer.out.put(b" ");
        unfold_into(reason.as_bytes(), &mut writer.out);
        writer.out.put(b"\r\n");
        writer
    }

    /// Adds a header field.
    pub fn header(&mut self, name: &str, value: &[u8]) {
        self.header_parts(name, &[value]);
    }

    /// Adds a header field whose value is `parts`, one after another.
    pub fn header_parts(&mut self, name: &str, parts: &[&[u8]]) {
        unfold_into(name.as_bytes(), &mut self.out);
        self.out.put(b": ");
        for part in parts {
            unfold_into(part, &mut self.out);
        }
        self.out.put(b"\r\n");
    }

    /// Adds a header field that is a number.
    pub fn number(&mut self, name: &str, number: u64) {
        unfold_into(name.as_bytes(), &mut self.out);
        self.out.put(b": ");
        self.out.put_number(number);
        self.out.put(b"\r\n");
    }

    /// Adds octets as they are: whole header lines, each with its CR LF.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
    }

    /// Ends a message without a body (RFC 3261 section 20.14).
    pub fn finish(mut self) -> Bytes {
        self.out.put(b"Content-Length: 0\r\n\r\n");
        Bytes::from(self.out)
    }

    /// Ends a message with a body (RFC 3261 sections 20.14 and 20.15).
    pub fn finish_with(mut self, content_type: &str, body: &[u8]) -> Bytes {
        self.header("Content-Type", content_type.as_bytes());
        self.number("Content-Length", body.len() as u64);
        self.out.put(b"\r\n");
        self.out.put(body);
        Bytes::from(self.out)
    }
}

/// The phrase of a status code (RFC 3261 section 21 and later RFCs); a general one for codes not listed.
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400..=499 => client_error_phrase(status),
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => class_phrase(status),
    }
}

const fn class_phrase(status: u16) -> &'static str {
    match status / 100 {
        0 | 1 => "Session Progress",
        2 => "OK",
        3 => "Redirection",
        5 => "Server Failure",
        _ => "Global Failure",
    }
}

const fn client_error_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        417 => "Unknown Resource-Priority",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        428 => "Use Identity Header",
        429 => "Provide Referrer Identity",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        439 => "First Hop Lacks Outbound Support",
        469 => "Bad Info Package",
        470 => "Consent Needed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        _ => "Request Failure",
    }
}

#[cfg(test)]
mod tests;
