//! Rooms over WebSockets in one isolate.
//!
//! What partyserver does with a Durable Object (one place for a room, whoever connects wherever) is not this: a room is in the
//! memory of one isolate, so it needs one tab, and is gone with it.

use crate::app::push;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tabmesh_tests::{solo, within};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn next(socket: &mut Socket) -> Value {
    let message = within("a message", socket.next()).await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn who_is_in_a_room_hears_what_is_said_there() {
    let gateway = solo().await;
    let output = push(&gateway, "rooms", &[]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let join = async |room: &str, name: &str| {
        let url = gateway.url(&format!("/rooms/parties/{room}?name={name}")).replace("http://", "ws://");
        connect_async(url).await.unwrap().0
    };
    let mut ada = join("tea", "ada").await;
    assert_eq!(next(&mut ada).await, json!({ "type": "welcome", "room": "tea", "present": ["ada"] }));
    let mut bob = join("tea", "bob").await;
    assert_eq!(next(&mut bob).await["present"], json!(["ada", "bob"]));
    assert_eq!(next(&mut ada).await, json!({ "type": "join", "name": "bob" }));
    let mut eve = join("coffee", "eve").await;
    assert_eq!(next(&mut eve).await["present"], json!(["eve"]));
    let rooms: Value = serde_json::from_str(&gateway.text("/rooms/rooms").await).unwrap();
    assert_eq!(rooms, json!({ "tea": 2, "coffee": 1 }));

    bob.send(Message::text("hällo")).await.unwrap();
    for socket in [&mut ada, &mut bob] {
        assert_eq!(next(socket).await, json!({ "type": "message", "from": "bob", "text": "hällo" }));
    }
    bob.close(None).await.unwrap();
    assert_eq!(next(&mut ada).await, json!({ "type": "leave", "name": "bob" }));
    // Of all this nothing came to another room.
    eve.send(Message::text("alone")).await.unwrap();
    assert_eq!(next(&mut eve).await["text"], "alone");
    assert_eq!(gateway.get("/rooms/parties/tea").await.status(), 426);
}
