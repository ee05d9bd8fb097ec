//! A way to a name server on which datagrams are lost.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

/// Hands questions on to `to`, all but the first, and the answers back.
pub fn first_lost(to: SocketAddr) -> SocketAddr {
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = front.local_addr().unwrap();
    thread::spawn(move || {
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(to).unwrap();
        let mut buffer = [0; 2048];
        let mut lost = false;
        while let Ok((n, from)) = front.recv_from(&mut buffer) {
            if !std::mem::replace(&mut lost, true) {
                continue;
            }
            back.send(&buffer[..n]).unwrap();
            let n = back.recv(&mut buffer).unwrap();
            front.send_to(&buffer[..n], from).unwrap();
        }
    });
    address
}
