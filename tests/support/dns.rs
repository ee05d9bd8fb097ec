//! A name server on loopback that answers from a table, over UDP and TCP.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is said about a name.
#[derive(Clone, Debug)]
pub enum Data {
    Mx(u16, &'static str),
    Address(IpAddr),
    Cname(&'static str),
    Pointer(&'static str),
    /// The name exists, with nothing.
    Nothing,
    /// SERVFAIL to every question.
    ServFail,
    /// REFUSED to every question.
    Refused,
    /// No answer at all.
    Silence,
}

/// Names that are not listed do not exist.
pub struct Dns {
    pub address: SocketAddr,
    pub queries: Arc<Mutex<Vec<String>>>,
}

type Zone = Arc<HashMap<String, Vec<Data>>>;

const MX: u16 = 15;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const A: u16 = 1;
const AAAA: u16 = 28;

impl Dns {
    pub fn start(records: &[(&str, Data)]) -> Dns {
        let mut zone: HashMap<String, Vec<Data>> = HashMap::new();
        for (name, data) in records {
            zone.entry(name.to_string()).or_default().push(data.clone());
        }
        let zone = Arc::new(zone);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let dns = Dns {
            address: udp.local_addr().unwrap(),
            queries: Arc::default(),
        };
        let (z, q) = (Arc::clone(&zone), Arc::clone(&dns.queries));
        thread::spawn(move || serve_udp(&udp, &z, &q));
        let q = Arc::clone(&dns.queries);
        thread::spawn(move || serve_tcp(&tcp, &zone, &q));
        dns
    }

    /// Questions so far, `MX example.org`.
    pub fn asked(&self) -> Vec<String> {
        self.queries.lock().unwrap().clone()
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Zone, queries: &Mutex<Vec<String>>) {
    let mut buf = [0; 1500];
    while let Ok((n, from)) = socket.recv_from(&mut buf) {
        if let Some(mut answer) = answer(&buf[..n], zone, queries) {
            if answer.len() > 512 {
                // Truncated: the question again, no records (MX-12).
                answer = truncated(&buf[..n]);
            }
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Zone, queries: &Arc<Mutex<Vec<String>>>) {
    for stream in listener.incoming() {
        let (zone, queries) = (Arc::clone(zone), Arc::clone(queries));
        thread::spawn(move || {
            let mut stream = stream.unwrap();
            loop {
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    return;
                }
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut query).unwrap();
                if let Some(answer) = answer(&query, &zone, &queries) {
                    let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                    let _ = stream.write_all(&[&length[..], &answer].concat());
                }
            }
        });
    }
}

fn question(query: &[u8]) -> (String, u16, &[u8]) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let n = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + n]).to_lowercase());
        at += n + 1;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    (labels.join("."), kind, &query[12..at + 5])
}

fn header(query: &[u8], flags: u16, answers: usize) -> Vec<u8> {
    let mut out = query[..2].to_vec();
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&u16::try_from(answers).unwrap().to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out
}

fn truncated(query: &[u8]) -> Vec<u8> {
    let mut out = header(query, 0x8780, 0);
    out.extend_from_slice(question(query).2);
    out
}

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.').filter(|l| !l.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

fn answer(query: &[u8], zone: &Zone, queries: &Mutex<Vec<String>>) -> Option<Vec<u8>> {
    let (asked, kind, section) = question(query);
    let kind_text = match kind {
        MX => "MX",
        A => "A",
        AAAA => "AAAA",
        _ => "other",
    };
    queries.lock().unwrap().push(format!("{kind_text} {asked}"));
    let mut records = Vec::new();
    let mut owner = asked;
    let mut code = 3;
    // A loop of aliases ends where a server's patience would.
    for _ in 0..16 {
        let Some(data) = zone.get(&owner) else { break };
        code = 0;
        let mut alias = None;
        for data in data {
            let (kind_here, octets) = match data {
                Data::Silence => return None,
                Data::ServFail => return Some(refuse(query, section, 2)),
                Data::Refused => return Some(refuse(query, section, 5)),
                Data::Nothing => continue,
                Data::Cname(to) => {
                    alias = Some(to.to_string());
                    (CNAME, name(to))
                }
                Data::Pointer(to) => (PTR, name(to)),
                Data::Mx(preference, host) => {
                    (MX, [&preference.to_be_bytes()[..], &name(host)].concat())
                }
                Data::Address(IpAddr::V4(a)) => (A, a.octets().to_vec()),
                Data::Address(IpAddr::V6(a)) => (AAAA, a.octets().to_vec()),
            };
            if kind_here == kind || kind_here == CNAME {
                let mut record = name(&owner);
                record.extend_from_slice(&kind_here.to_be_bytes());
                record.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
                record.extend_from_slice(&u16::try_from(octets.len()).unwrap().to_be_bytes());
                record.extend_from_slice(&octets);
                records.push(record);
            }
        }
        match alias {
            Some(to) => {
                owner = to;
                code = 3;
            }
            None => break,
        }
    }
    let mut out = header(query, 0x8580 | code, records.len());
    out.extend_from_slice(section);
    records.iter().for_each(|r| out.extend_from_slice(r));
    Some(out)
}

fn refuse(query: &[u8], section: &[u8], code: u16) -> Vec<u8> {
    let mut out = header(query, 0x8180 | code, 0);
    out.extend_from_slice(section);
    out
}
