//! Addresses as text, without the heap and without the formatting machinery: every message has several.

use core::fmt::{self, Write as _};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Longest text: an IPv4-mapped IPv6 address in brackets with a scope and a port.
const CAPACITY: usize = 72;

/// An address as it stands in a message.
#[derive(Clone, Copy, Debug)]
pub struct AddressText {
    octets: [u8; CAPACITY],
    len: usize,
}

impl AddressText {
    /// `192.0.2.1`, or `2001:db8::1` without brackets, as in a session description.
    pub fn ip(ip: IpAddr) -> Self {
        let mut text = Self { octets: [0; CAPACITY], len: 0 };
        text.push_ip(ip);
        text
    }

    /// `192.0.2.1:5060`, or `[2001:db8::1]:5060`, as in a URI or a Via.
    pub fn socket(socket: SocketAddr) -> Self {
        let mut text = Self { octets: [0; CAPACITY], len: 0 };
        if socket.is_ipv6() {
            text.push(b'[');
        }
        text.push_ip(socket.ip());
        if socket.is_ipv6() {
            text.push(b']');
        }
        text.push(b':');
        text.push_number(socket.port());
        text
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    fn push_ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.push_v4(ip),
            IpAddr::V6(ip) => {
                let written = write!(self, "{ip}");
                debug_assert!(written.is_ok(), "any address fits");
            }
        }
    }

    fn push_v4(&mut self, ip: Ipv4Addr) {
        for (n, octet) in ip.octets().into_iter().enumerate() {
            if n > 0 {
                self.push(b'.');
            }
            self.push_number(u16::from(octet));
        }
    }

    fn push_number(&mut self, number: u16) {
        let mut scale = 10_000;
        let mut begun = false;
        while scale > 0 {
            let digit = (number / scale % 10) as u8;
            begun |= digit != 0 || scale == 1;
            if begun {
                self.push(b'0' + digit);
            }
            scale /= 10;
        }
    }

    fn push(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(self.len) {
            *place = octet;
            self.len += 1;
        }
    }
}

impl fmt::Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|octet| self.push(octet));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_the_standard_library_writes_them() {
        for text in ["0.0.0.0:0", "10.0.200.1:5060", "255.255.255.255:65535", "[::1]:5060", "[2001:db8::c0a8:1]:80"] {
            let Ok(socket) = text.parse::<SocketAddr>() else { panic!("{text}") };
            assert_eq!(AddressText::socket(socket).as_bytes(), text.as_bytes());
            assert_eq!(AddressText::ip(socket.ip()).as_bytes(), socket.ip().to_string().as_bytes());
        }
    }
}
