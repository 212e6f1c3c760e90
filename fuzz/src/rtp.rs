//! RTP into a stream: hostile, nearly right, and right; with time, audio and new plans in between.

use core::time::Duration;

use offhook_core::media::Which;

use crate::media::Stage;
use crate::octets::Octets;

const STEPS_MAX: usize = 256;

/// A sender whose packets are right unless the octets want otherwise.
struct Sender {
    sequence: u16,
    timestamp: u32,
    source: u32,
}

impl Sender {
    fn packet(&mut self, octets: &mut Octets<'_>) -> Vec<u8> {
        let choice = octets.byte();
        match choice & 7 {
            0..=2 => self.sequence = self.sequence.wrapping_add(1),
            3 => self.sequence = self.sequence.wrapping_add(u16::from(octets.byte())),
            4 => self.sequence = self.sequence.wrapping_sub(u16::from(octets.byte())),
            5 => self.sequence = octets.word(),
            _ => {}
        }
        match choice >> 3 & 7 {
            0..=3 => self.timestamp = self.timestamp.wrapping_add(160),
            4 => self.timestamp = self.timestamp.wrapping_add(u32::from(octets.word())),
            5 => self.timestamp = octets.long(),
            _ => {}
        }
        if choice >> 6 == 3 {
            self.source = u32::from(octets.byte() & 3);
        }
        let kind = octets.byte();
        let mut packet = vec![0x80, [0, 8, 101, 13][usize::from(kind & 3)] | (kind & 0x80)];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.source.to_be_bytes());
        if kind & 3 == 2 {
            packet.extend_from_slice(octets.take(4));
        } else {
            packet.resize(12 + usize::from(kind >> 2 & 31) * 16, kind);
        }
        if kind & 0x40 != 0 {
            // Padding, extension, contributing sources, marked as the octets like it.
            packet[0] = octets.byte();
        }
        packet
    }
}

pub(crate) fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut stage = Stage::new(&mut octets);
    let mut sender = Sender { sequence: octets.word(), timestamp: octets.long(), source: 1 };
    for _ in 0..STEPS_MAX {
        if octets.is_empty() {
            break;
        }
        let choice = octets.byte();
        match choice & 15 {
            0..=5 => {
                let packet = sender.packet(&mut octets);
                stage.arrive(Which::Rtp, if choice & 0x80 == 0 { 0 } else { choice >> 4 }, &packet);
                stage.wait(Duration::from_millis(20));
            }
            6 => {
                let packet = sender.packet(&mut octets);
                stage.arrive(Which::Rtp, choice >> 4, &packet);
                stage.arrive(Which::Rtp, choice >> 4, &packet);
            }
            7 => {
                let len = octets.byte().into();
                stage.arrive(Which::Rtp, choice >> 4, octets.take(len));
            }
            8 => stage.wait(Duration::from_millis(octets.byte().into())),
            9 => stage.wait(Duration::from_millis(u64::from(octets.word()))),
            10 => stage.talk(octets.take(usize::from(choice >> 4) * 20)),
            11 => stage.read(usize::from(octets.byte()) * 4),
            12 => stage.listen(),
            13 => stage.update(octets.byte()),
            14 => stage.press(octets.take(usize::from(choice >> 4))),
            _ if choice & 0x80 == 0 => stage.open(octets.byte()),
            _ => stage.close(),
        }
    }
    stage.end();
}
