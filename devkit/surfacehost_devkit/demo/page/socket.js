// The one connection to the demo: changed notes come in, what the person does goes out.

const AGAIN_MS = 1000;

export function follow({ onNotes, onOpen, onLost }) {
  let socket = null;

  function open() {
    socket = new WebSocket(`ws://${location.host}/socket`);
    socket.onopen = onOpen;
    socket.onmessage = (event) => onNotes(JSON.parse(event.data));
    socket.onclose = () => {
      onLost();
      setTimeout(open, AGAIN_MS);
    };
  }

  open();
  return (frame) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame));
}
