//! Requests and responses.

use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;

use super::headers::{BridgedHeader, from_rsip_header, to_rsip_header};
use super::{BridgeError, from_rsip_uri, to_rsip_uri};
use crate::wire::build::Writer;
use crate::wire::frame::{Frame, StartLine};
use crate::wire::text::{check_text, unfold};
use crate::wire::{HeaderName, WireLimits};

const fn refused(why: &'static str) -> BridgeError {
    BridgeError::Message { why }
}

/// A request as rsip's type, if rsip can hold all of it.
pub fn to_rsip_request(frame: &Frame<'_>) -> Result<rsip::Request, BridgeError> {
    let StartLine::Request { method_text, uri, .. } = frame.start() else {
        return Err(refused("it is a response"));
    };
    let method = rsip::Method::all().into_iter().find(|method| method.to_string().as_bytes() == method_text);
    Ok(rsip::Request {
        method: method.ok_or(refused("rsip does not know the method"))?,
        uri: to_rsip_uri(uri)?,
        version: rsip::Version::V2,
        headers: headers(frame)?,
        body: frame.body().to_vec(),
    })
}

/// A response as rsip's type, if rsip can hold all of it. rsip has no room for the reason phrase of a status code that
/// it knows: the phrase alone may be lost.
pub fn to_rsip_response(frame: &Frame<'_>) -> Result<rsip::Response, BridgeError> {
    let StartLine::Response { status, reason } = frame.start() else {
        return Err(refused("it is a request"));
    };
    let status_code = match rsip::StatusCode::from(status) {
        rsip::StatusCode::Other(status, _) => {
            let reason =
                core::str::from_utf8(reason).map_err(|_| refused("the reason phrase is not UTF-8"))?;
            rsip::StatusCode::Other(status, reason.into())
        }
        known => known,
    };
    Ok(rsip::Response {
        status_code,
        version: rsip::Version::V2,
        headers: headers(frame)?,
        body: frame.body().to_vec(),
    })
}

/// All header fields, one value to each where rsip reads but one; those that rsip reads further are compared.
fn headers(frame: &Frame<'_>) -> Result<rsip::Headers, BridgeError> {
    if frame.fault().is_some() || frame.facts().is_err() {
        return Err(refused("it is malformed"));
    }
    let mut headers: Vec<rsip::Header> = Vec::new();
    for header in frame.headers() {
        let name = match header.name {
            HeaderName::Other => {
                core::str::from_utf8(header.name_text).map_err(|_| refused("a name is not UTF-8"))?
            }
            known => known.as_str(),
        };
        let listed = matches!(
            header.name,
            HeaderName::Via | HeaderName::Contact | HeaderName::Route | HeaderName::RecordRoute
        );
        let mut add = |value: &[u8]| {
            let value = unfold(value);
            let value = core::str::from_utf8(&value).map_err(|_| BridgeError::header(name, "not UTF-8"))?;
            compare(header.name, value)?;
            headers.push(to_rsip_header(name, value));
            Ok(())
        };
        if listed {
            crate::wire::split_values(header.value).try_for_each(&mut add)?;
        } else {
            add(header.value)?;
        }
    }
    Ok(headers.into())
}

fn compare(name: HeaderName, value: &str) -> Result<(), BridgeError> {
    match name {
        HeaderName::Via => rsip::typed::Via::bridge(value).map(drop),
        HeaderName::From => rsip::typed::From::bridge(value).map(drop),
        HeaderName::To => rsip::typed::To::bridge(value).map(drop),
        HeaderName::Contact => rsip::typed::Contact::bridge(value).map(drop),
        HeaderName::CSeq => rsip::typed::CSeq::bridge(value).map(drop),
        _ => Ok(()),
    }
}

/// A request of rsip as a message, if we read the message as rsip holds it.
pub fn from_rsip_request(request: &rsip::Request) -> Result<Bytes, BridgeError> {
    if request.version != rsip::Version::V2 {
        return Err(refused("it is not SIP/2.0"));
    }
    let uri = from_rsip_uri(&request.uri)?;
    let writer = Writer::request(&request.method.to_string(), &uri);
    let message = write(writer, &request.headers, &request.body)?;
    let again = read(&message).and_then(|frame| to_rsip_request(&frame))?;
    let same = again.method == request.method && again.uri == request.uri && again.body == request.body;
    if same { Ok(message) } else { Err(refused("read back, it is another request")) }
}

/// A response of rsip as a message, if we read the message as rsip holds it.
pub fn from_rsip_response(response: &rsip::Response) -> Result<Bytes, BridgeError> {
    if response.version != rsip::Version::V2 {
        return Err(refused("it is not SIP/2.0"));
    }
    let status = response.status_code.code();
    let reason = match &response.status_code {
        rsip::StatusCode::Other(_, reason) => reason.as_str(),
        _ => crate::wire::reason_phrase(status),
    };
    check_text(reason).map_err(|_| refused("CR, LF or NUL in the reason phrase"))?;
    let message = write(Writer::response(status, reason), &response.headers, &response.body)?;
    let again = read(&message).and_then(|frame| to_rsip_response(&frame))?;
    let same = again.status_code == response.status_code && again.body == response.body;
    if same { Ok(message) } else { Err(refused("read back, it is another response")) }
}

/// Writes header fields and body. Content-Length is written by us, whatever rsip holds.
fn write(mut writer: Writer, headers: &rsip::Headers, body: &[u8]) -> Result<Bytes, BridgeError> {
    let mut content_type = None;
    for header in headers.iter() {
        let (name, value) = from_rsip_header(header)?;
        match HeaderName::from_text(name.as_bytes()) {
            HeaderName::ContentLength => {}
            HeaderName::ContentType if content_type.is_none() => content_type = Some(value),
            _ => writer.header(&name, value.as_bytes()),
        }
    }
    match content_type {
        Some(content_type) => Ok(writer.finish_with(&content_type, body)),
        None if body.is_empty() => Ok(writer.finish()),
        None => Err(BridgeError::header("Content-Type", "a body needs one")),
    }
}

fn read(message: &[u8]) -> Result<Frame<'_>, BridgeError> {
    Frame::parse(message, &WireLimits::NONE).map_err(|_| refused("what rsip holds is no SIP message"))
}
