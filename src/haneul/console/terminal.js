// The serial console of an instance, live: xterm.js on a WebSocket. Its address is signed for a minute, for a browser gives a WebSocket no headers.

import { inside, session } from "./aws.js";
import { ec2 } from "./ec2.js";
import { button, h, safely, text } from "./page.js";
import { presign } from "./sigv4.js";
import { Terminal } from "./vendor/xterm/xterm.mjs";

const encoder = new TextEncoder();

export function terminal(id) {
  if (!document.querySelector("#xterm-style")) {
    document.head.append(h("link", { id: "xterm-style", rel: "stylesheet", href: "/_haneul/console/vendor/xterm/xterm.css" }));
  }
  const place = h("div", { class: "terminal", id: "terminal" });
  const state = h("span", { id: "terminal-state", role: "status" });
  const screen = new Terminal({ cols: 100, rows: 30, cursorBlink: true, screenReaderMode: true, scrollback: 5000 });
  let socket;
  const say = (words) => { state.textContent = words; };

  async function connect() {
    socket?.close();
    const path = `/_haneul/serial/${encodeURIComponent(id)}`;
    const mine = new WebSocket((await presign(session, { path, seconds: 60, service: "ec2" })).replace(/^http/, "ws"));
    socket = mine;
    mine.binaryType = "arraybuffer";
    let opened = false;
    mine.onopen = () => { opened = true; say(text("Connected.")); screen.focus(); };
    mine.onmessage = (event) => screen.write(new Uint8Array(event.data));
    mine.onclose = safely(async (event) => {
      if (mine !== socket) return;
      say(`${text("Disconnected.")} ${event.reason}`);
      if (!opened) await why(path);
    });
  }

  // A refused WebSocket tells no reason: the same page asked plainly does.
  async function why(path) {
    try {
      await inside(path, "ec2");
    } catch (error) {
      if (error.code === "SerialConsoleAccessDisabledException") place.before(enabling());
      else if (error.status !== 426) throw error;
    }
  }

  function enabling() {
    const box = h("p", { class: "nothing", id: "enable-serial" }, text("The serial console is disabled for this account in this region. "),
      button("Enable", async () => { await ec2("EnableSerialConsoleAccess"); box.remove(); await connect(); }), h("pre", {}, "aws ec2 enable-serial-console-access"));
    return box;
  }

  screen.onData((keys) => socket?.readyState === WebSocket.OPEN && socket.send(encoder.encode(keys)));
  // Tab belongs to the guest; Shift+Escape lets the keyboard out.
  screen.attachCustomKeyEventHandler((event) => {
    if (event.key !== "Escape" || !event.shiftKey) return true;
    document.getElementById("terminal-connect").focus();
    return false;
  });
  setTimeout(() => { screen.open(place); safely(connect)(); });
  const gone = setInterval(() => {
    if (place.isConnected) return;
    clearInterval(gone);
    socket?.close();
    screen.dispose();
  }, 1000);
  return [
    h("p", {}, h("a", { href: `#instances/${id}` }, text("back")), ` · ${id} `, state),
    h("div", { class: "tools" }, h("button", { type: "button", id: "terminal-connect", onclick: safely(connect) }, text("Connect")),
      h("button", { type: "button", onclick: () => socket?.close() }, text("Disconnect")),
      h("span", { class: "quiet" }, text("Press Enter for a prompt. Shift+Escape leaves the terminal. For a bigger one: stty rows 30 cols 100. To log in set a password first, by user data: echo admin:secret | chpasswd"))),
    place,
  ];
}
