//! RTCP into a stream that sends and receives.

use core::time::Duration;

use offhook_core::media::Which;

use crate::media::Stage;
use crate::octets::Octets;

const STEPS_MAX: usize = 64;

/// A packet of a known kind with a length that fits, or nearly.
fn part(octets: &mut Octets<'_>, packet: &mut Vec<u8>) {
    let (first, kind) = (octets.byte(), octets.byte());
    let count = usize::from(first & 31);
    let words = match kind & 7 {
        0 => 6 + 6 * count,
        1 => 1 + 6 * count,
        3 => count,
        _ => usize::from(octets.byte() & 31),
    };
    packet.push(if first & 0x40 == 0 { 0x80 | (first & 31) } else { first });
    packet.push(200 + (kind & 7));
    let said = if kind & 0x80 == 0 { words as u16 } else { octets.word() };
    packet.extend_from_slice(&said.to_be_bytes());
    let body = octets.take(4 * words);
    packet.extend_from_slice(body);
    packet.resize(packet.len() + 4 * words - body.len(), 0);
}

pub(crate) fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut stage = Stage::new(&mut octets);
    let mut sequence = 0_u16;
    for _ in 0..STEPS_MAX {
        if octets.is_empty() {
            break;
        }
        let choice = octets.byte();
        let which = if choice & 8 == 0 { Which::Rtcp } else { Which::Rtp };
        match choice & 7 {
            0..=2 => {
                let mut packet = Vec::new();
                for _ in 0..1 + (choice >> 6) {
                    part(&mut octets, &mut packet);
                }
                stage.arrive(which, choice >> 4, &packet);
            }
            3 => {
                let len = octets.byte().into();
                stage.arrive(which, choice >> 4, octets.take(len));
            }
            4 => stage.wait(Duration::from_millis(u64::from(octets.word()))),
            5 => {
                // Audio both ways, so that there is something to report.
                for _ in 0..10 {
                    sequence = sequence.wrapping_add(1);
                    let mut packet = vec![0x80, 0];
                    packet.extend_from_slice(&sequence.to_be_bytes());
                    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
                    packet.resize(172, 0);
                    stage.arrive(Which::Rtp, 0, &packet);
                    stage.talk(&[9; 160]);
                    stage.wait(Duration::from_millis(20));
                }
            }
            6 => stage.update(octets.byte()),
            _ => stage.open(octets.byte()),
        }
        stage.wait(Duration::ZERO);
    }
    stage.end();
}
