// Steps through a run, event by event: what state each process is in, what it has open, and what has just
// happened. The first half is pure functions from rows (tools/trace/README.md has their format) to states
// and sentences; the second half shows them.
"use strict";

const slider = (() => {
  // ---- Rows ----

  const FIELDS = ["time", "process", "event", "name", "descriptor", "object", "result", "text"];

  function parse(text) {
    return text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const row = Object.fromEntries(line.split("\t").map((field, i) => [FIELDS[i], field === "-" ? "" : field]));
        row.time = Number(row.time);
        row.descriptor = row.descriptor === "" ? null : Number(row.descriptor);
        return row;
      });
  }

  const isServer = (name) => name === "server";
  const isChild = (name) => /^child\d+$/.test(name);
  const isClient = (name) => /^client\d+$/.test(name);
  const isProcess = (name) => isServer(name) || isChild(name) || isClient(name);
  const isError = (result) => /^E[A-Z0-9]+$/.test(result);

  // ---- States ----

  // A process: life is "alive", "zombie" or "gone".
  function newProcess(parent, descriptors) {
    return { life: "alive", parent, call: null, handlers: 0, stopped: false, descriptors: new Map(descriptors) };
  }

  function newState() {
    return {
      processes: new Map(),
      children: 0, // alive
      zombies: 0,
      descriptors: 0, // of the server
      signals: 0, // SIGCHLD delivered because a child ended
      lost: 0,
      over: false, // the server has ended: from now on its children are not counted any more
    };
  }

  // Changes the state by one row.
  function apply(state, row) {
    const process = state.processes.get(row.process);
    const server = isServer(row.process);
    switch (row.event) {
      case "begin":
        state.processes.set(row.process, newProcess("", []));
        break;
      case "fork":
        state.processes.set(row.object, newProcess(row.process, process.descriptors));
        if (server) state.children++;
        break;
      case "open":
        process.descriptors.set(row.descriptor, row.object);
        if (server) state.descriptors++;
        break;
      case "close":
        process.descriptors.delete(row.descriptor);
        if (server) state.descriptors--;
        break;
      case "call":
        process.call = { name: row.name, object: row.object, text: row.text };
        break;
      case "return":
        process.call = null;
        break;
      case "signal":
        process.handlers++;
        if (server && !state.over && row.name === "SIGCHLD" && isProcess(row.object) && /^(exited|killed)$/.test(row.result)) state.signals++;
        break;
      case "handled":
        process.handlers--;
        break;
      case "lost":
        if (server && !state.over) state.lost++;
        break;
      case "stop":
        process.stopped = true;
        break;
      case "continue":
        process.stopped = false;
        break;
      case "exit":
        process.call = null;
        process.stopped = false;
        process.life = isServer(process.parent) && !state.over ? "zombie" : "gone";
        if (process.life === "zombie") {
          state.children--;
          state.zombies++;
        }
        if (server) state.over = true;
        break;
      case "reap":
        state.processes.get(row.object).life = "gone";
        if (server && !state.over) state.zombies--;
        break;
    }
  }

  // The state after so many rows. (Some thousand rows take less than a millisecond.)
  function stateAfter(rows, count) {
    const state = newState();
    for (let i = 0; i < count; i++) apply(state, rows[i]);
    return state;
  }

  // ---- Words ----

  const WAITING = ["accept", "recv", "poll", "connect", "wait"];

  // The state of a process: a class for its colour, and words.
  function describe(process) {
    const call = process.call;
    const where = call && (isProcess(call.object) || call.object === "" || call.object === "listener" ? "" : ` (${plain(call.object)})`);
    let text = "running";
    let kind = "running";
    if (process.life === "zombie") return { kind: "zombie", text: "zombie" };
    if (process.life === "gone") return { kind: "gone", text: "gone" };
    if (call?.name === "sleep") {
      [kind, text] = ["waiting", "sleeps"];
    } else if (call && WAITING.includes(call.name) && call.text !== "WNOHANG") {
      [kind, text] = ["waiting", `waits in ${call.name}${where}`];
    } else if (call) {
      text = `in ${call.name === "exit" ? "_exit" : call.name}${where}`;
    }
    if (process.handlers > 0) {
      [kind, text] = ["handler", text === "running" ? "in its signal handler" : `in its signal handler, ${text}`];
    }
    if (process.stopped) [kind, text] = ["stopped", text === "running" ? "stopped" : `stopped (it ${text.replace(/^in /, "is in ")})`];
    return { kind, text };
  }

  // "child2" is "child 2", "listener" the listening socket.
  function plain(name) {
    if (name === "listener") return "the listening socket";
    if (name === "terminal") return "the terminal";
    if (name === "other") return "something else";
    if (name === "server") return "the server";
    return name.replace(/^(child|client|connection)(\d+)$/, "$1 $2");
  }
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const number = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

  // What was read or written: its first line, as a quotation.
  function quote(text) {
    const first = text.replace(/^(\\r|\\n)*/, "").split(/\\r|\\n/)[0].trim();
    if (first === "") return "an empty line";
    return `“${first.replace(/ {2,}/g, " ")}”`;
  }

  const STANDARD = ["standard input", "standard output", "standard error"];

  // What an error means for the call that fails with it.
  const ERRORS = {
    EMFILE: "too many open files: as many as this process may have. No descriptor is left for another one",
    ENFILE: "the whole system has too many open files",
    EAGAIN: "what it needs is not to be had now",
    ECHILD: "there is no child left to wait for",
    EPIPE: "the other side has gone",
    ECONNRESET: "the other side has thrown the connection away",
    ECONNREFUSED: "nobody listens there",
    ECONNABORTED: "that client has gone again",
    EADDRINUSE: "somebody else has this port",
  };

  // Who on the server's side, process aside, has an object open.
  function holders(state, object, process) {
    const names = [];
    for (const [name, other] of state.processes) {
      if (name !== process && !isClient(name) && other.life === "alive" && [...other.descriptors.values()].includes(object)) names.push(name);
    }
    return names;
  }

  // What a close means for a connection. state: the one before.
  function afterClose(state, row) {
    const own = [...state.processes.get(row.process).descriptors].some(([n, object]) => object === row.object && n !== row.descriptor);
    if (!/^connection/.test(row.object) || isClient(row.process) || own) return "";
    const rest = holders(state, row.object, row.process);
    if (rest.length === 0) return " It was the last one on the server’s side: the kernel ends the connection, and tells the client so.";
    const who = rest.length === 1 ? `${capital(plain(rest[0]))} still has` : `${number(rest.length, "other process", "other processes")} still have`;
    return ` ${who} it open, so the connection lives on.`;
  }

  function sentenceOfOpen(row, who) {
    const what = plain(row.object);
    const has = `${who} has descriptor ${row.descriptor}`;
    const lowest = `descriptor ${row.descriptor}, the lowest number that was free`;
    if (row.name === "given") {
      const standard = row.descriptor in STANDARD ? `${STANDARD[row.descriptor]}, here ` : "";
      return `${who} begins with descriptor ${row.descriptor} open: ${standard}${what}.`;
    }
    if (row.name === "inherited") {
      const kind = row.object === "terminal" ? "file" : "socket";
      return `${has} from its parent: ${what}. It is the same open ${kind}, not another one.`;
    }
    if (row.name === "accept") return `${who} has ${what} now: ${lowest}.`;
    if (row.object === "listener") return `${who} has a socket: ${lowest}. It will be the listening socket.`;
    if (isClient(row.process)) return `${who} has a socket, its descriptor ${row.descriptor}: its end of what will be ${what}.`;
    return `${has} now: ${what}.`;
  }

  function sentenceOfCall(row, who) {
    const what = plain(row.object);
    const seconds = Number(row.text);
    switch (row.name) {
      case "socket":
        return `${who} calls socket: it asks the kernel for a socket, a thing to send and receive through.`;
      case "bind":
        return `${who} calls bind: it gives ${what} an address and a port, so that clients can find it.`;
      case "listen": {
        const some = row.text === "" ? "some" : `about ${row.text}`;
        return `${who} calls listen: from now on clients can connect, and the kernel keeps ${some} of them waiting in a queue.`;
      }
      case "accept":
        return `${who} calls accept: it asks for the next client, and waits if there is none.`;
      case "connect":
        return `${who} calls connect: it asks the server’s kernel for ${what}.`;
      case "fork":
        return `${who} calls fork: it asks for a copy of itself, a child.`;
      case "recv": {
        const other = isClient(row.process) ? "the server" : "the client";
        return `${who} calls recv: it asks for what ${other} has sent through ${what}, and waits if there is nothing yet.`;
      }
      case "send":
        return `${who} sends ${quote(row.text)} through ${what}.`;
      case "write":
        return row.object === "terminal" ? `${who} prints ${quote(row.text)}.` : `${who} writes ${quote(row.text)} to ${what}.`;
      case "sleep":
        if (seconds > 0) return `${who} goes to sleep, for ${number(seconds, "second")}.`;
        return `${who} calls nanosleep for 0 seconds: it does not sleep at all.`;
      case "wait":
        if (row.text === "WNOHANG") return `${who} calls waitpid: has any child ended? With WNOHANG it only asks, and does not wait.`;
        return `${who} calls wait: it asks how one of its children ended, and waits if none has.`;
      case "poll":
        return `${who} calls poll: it waits for something to happen on its connection.`;
      case "close":
        return `${who} calls close on descriptor ${row.descriptor}${what ? `, ${what}` : ""}.`;
      case "exit":
        return `${who} calls ${isChild(row.process) ? "_exit" : "exit"} with status ${row.text || "0"}: it wants to end.`;
      default:
        return `${who} calls ${row.name}${what ? ` on ${what}` : ""}.`;
    }
  }

  function sentenceOfFailure(row, who) {
    const to = plain(row.process);
    if (row.result === "EINTR") return `${row.name} comes back to ${to} with EINTR, without what it was to do: a signal has interrupted it.`;
    if (row.result === "EINPROGRESS") {
      return `connect comes back to ${to} at once (EINPROGRESS): the kernel goes on making ${plain(row.object)} meanwhile.`;
    }
    if (row.name === "fork" && row.result === "EAGAIN") {
      return `fork fails with EAGAIN: this user can have no more processes. ${who} has no child for this client.`;
    }
    const why = row.result in ERRORS ? `, ${ERRORS[row.result]}` : "";
    return `${row.name === "wait" ? "waitpid" : row.name} fails for ${to}: ${row.result}${why}.`;
  }

  function sentenceOfReturn(row, who) {
    const what = plain(row.object);
    const to = plain(row.process);
    const child = plain(row.result);
    if (isError(row.result)) return sentenceOfFailure(row, who);
    switch (row.name) {
      case "socket":
        return `socket returns ${row.result} to ${to}: the number of a new descriptor.`;
      case "accept":
        return `accept returns ${row.result} to ${to}: a client has connected, and that is the connection’s descriptor.`;
      case "fork":
        if (!isProcess(row.result)) return `fork returns in ${to}.`;
        return `fork returns in ${to}: it has the number of ${child}. In ${child} the same call returns 0.`;
      case "recv":
        if (row.result === "0") return `${who} reads nothing from ${what}: this is the end of file, the other side has ended the connection.`;
        return `${who} has read ${number(Number(row.result), "byte")} from ${what}: ${quote(row.text)}.`;
      case "send":
        return `send returns to ${to}: the kernel has taken ${number(Number(row.result), "byte")}.`;
      case "write":
        return `write returns to ${to}: the text is written.`;
      case "sleep":
        return `${who} wakes up.`;
      case "wait":
        if (row.result === "0") return `waitpid returns 0 to ${to}: it has children, but none of them has ended.`;
        return `wait returns to ${to}: it is ${child} that has ended.`;
      case "poll":
        return `poll returns to ${to}: ${row.result === "0" ? "nothing has happened in time" : "something has happened on its connection"}.`;
      case "close":
        return `close returns to ${to}.`;
      case "connect":
        return `connect returns to ${to}: it is connected.`;
      case "bind":
        return `bind returns to ${to}: the port is its own.`;
      case "listen":
        return `listen returns to ${to}: the kernel lets clients connect now.`;
      default:
        return `${row.name} returns ${row.result || "nothing"} to ${to}.`;
    }
  }

  function sentenceOfExit(state, row, who) {
    const parent = state.processes.get(row.process).parent;
    const how = row.name === "exit" ? `, with status ${row.result || "0"}` : `: the signal ${row.name} has killed it`;
    let text = `${who} has ended${how}.`;
    if (isServer(row.process)) {
      const go = state.zombies === 1 ? "goes" : "go";
      if (state.zombies > 0) text += ` Its ${number(state.zombies, "zombie")} ${go} to process 1, which waits for everybody.`;
      if (state.children > 0) text += ` ${number(state.children, "child lives", "children live")} on without a parent.`;
    } else if (isServer(parent)) {
      text += state.over
        ? " Its parent is gone already, so process 1 waits for it."
        : " The server has not asked about it yet: until it does, what is left of the child is a zombie.";
    }
    return text;
  }

  const CHANGES = { exited: "has ended", killed: "was killed", stopped: "was stopped", continued: "goes on" };

  // What has just happened, for somebody who has not heard of it before. state: the one before the row.
  function sentence(state, row) {
    const who = capital(plain(row.process));
    const what = plain(row.object);
    switch (row.event) {
      case "begin":
        return isClient(row.process) ? `${who} begins: it wants something from the server.` : `${who} begins.`;
      case "fork":
        return `There is ${what}, a child of ${plain(row.process)}: a copy of it, with the same descriptors open.`;
      case "open":
        return sentenceOfOpen(row, who);
      case "close": {
        const after = afterClose(state, row);
        if (row.name === "exit") return `${who} is ending, and the kernel closes what it still had open: descriptor ${row.descriptor}, ${what}.${after}`;
        return `${who} has closed descriptor ${row.descriptor}, ${isClient(row.process) ? "its end of " : "its copy of "}${what}.${after}`;
      }
      case "call":
        return sentenceOfCall(row, who);
      case "return":
        return sentenceOfReturn(row, who);
      case "signal":
        if (row.name !== "SIGCHLD") return `The signal ${row.name} is delivered to ${plain(row.process)}: its handler begins.`;
        return `SIGCHLD is delivered to ${plain(row.process)}: ${what || "a child"} ${CHANGES[row.result] ?? "has changed"}. Its signal handler begins.`;
      case "handled":
        return `The signal handler returns, and ${plain(row.process)} goes on where it was interrupted.`;
      case "lost":
        return `${capital(what)} has ended, but ${row.name} is already pending for ${plain(row.process)}: this one is lost. Signals do not queue.`;
      case "stop":
        return `${who} is stopped (${row.name}): it does nothing, and handles no signal, until it is told to go on.`;
      case "continue":
        return `${who} goes on (${row.name}).`;
      case "exit":
        return sentenceOfExit(state, row, who);
      case "reap": {
        const how = row.result === "" ? "" : /^\d+$/.test(row.result) ? `, which ended with status ${row.result}` : `, which ${row.result} killed`;
        return `${who} has waited for ${what}${how}. Now it is no zombie any more: it is gone.`;
      }
      case "end":
        return "Here the record ends.";
      default:
        return `${who}: ${row.event}.`;
    }
  }

  // Is this a row at which the story turns? The rest is the way there.
  function isTurn(row) {
    if (["begin", "fork", "signal", "lost", "stop", "continue", "exit", "reap", "end"].includes(row.event)) return true;
    if (row.event === "open") return row.name === "accept";
    return row.event === "return" && ((isError(row.result) && row.result !== "EINPROGRESS") || (row.name === "recv" && row.result === "0"));
  }

  // 1234567 microseconds are "1.235 s".
  function formatTime(time) {
    return time < 1000000 ? `${(time / 1000).toFixed(time < 100000 ? 2 : 1)} ms` : `${(time / 1000000).toFixed(3)} s`;
  }

  return { parse, apply, stateAfter, describe, sentence, isTurn, formatTime, isServer, isChild, isClient, plain, capital, number };
})();

// ---- The page ----

if (typeof document !== "undefined") {
  const player = document.querySelector(".player");
  const rows = slider.parse(document.getElementById("rows").textContent);
  const svg = player.querySelector("svg");
  const range = player.querySelector("input[type=range]");
  const along = svg.dataset.x === undefined ? "y" : "x"; // in which direction time goes in the picture
  const places = (svg.dataset[along] ?? "").split(" ").map(Number); // where each row is
  const LINES = 14; // so many processes are listed at a time
  let now = -1;

  // The state after a row, and the sentence about it.
  const stateAt = (n) => slider.stateAfter(rows, n + 1);
  const sentenceAt = (n) => slider.sentence(stateAt(n - 1), rows[n]);

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // The descriptors of a process, as a list; what a row has just opened or closed stands out.
  function descriptorList(owner, process, row) {
    const list = element("ul", { class: "descriptors" });
    const just = row.process === owner && (row.event === "open" || row.event === "close") ? row : null;
    const all = [...process.descriptors];
    if (just?.event === "close") all.push([just.descriptor, just.object]);
    all.sort((a, b) => a[0] - b[0]);
    let last = null; // neighbours that are the same object share an item: 0 1 2 terminal
    for (const [number, object] of all) {
      const isJust = just?.descriptor === number;
      if (last?.object === object && !last.isJust && !isJust) {
        last.item.querySelector("b").append(` ${number}`);
        continue;
      }
      const name = slider.plain(object).replace(/^the /, "");
      const item = element("li", { "data-object": object.replace(/\d+$/, "") }, element("b", {}, String(number)), ` ${name}`);
      if (isJust) item.classList.add("just");
      if (isJust && just.event === "close") item.replaceChildren(element("del", {}, ...item.childNodes));
      last = { item, object, isJust };
      list.append(item);
    }
    if (all.length === 0) return document.createTextNode(process.life === "alive" ? "none" : "");
    return list;
  }

  // Which processes to show: all, if they are few; otherwise the server, those that the row is about, and some that
  // are not gone; the rest is counted.
  function chosen(state, row) {
    const hidden = { alive: 0, zombie: 0, gone: 0 };
    const all = [...state.processes];
    const order = (name) => (slider.isServer(name) ? 0 : slider.isChild(name) ? 1 : 2);
    all.sort(([a], [b]) => order(a) - order(b)); // otherwise in the order in which they began
    if (all.length <= LINES) return { shown: all, hidden };
    const about = [row.process, row.object, row.result, "server"];
    const first = all.filter(([name]) => about.includes(name));
    const rest = all.filter(([name, process]) => !about.includes(name) && process.life !== "gone").slice(0, LINES - first.length);
    const shown = [...first, ...rest];
    for (const entry of all) {
      if (!shown.includes(entry)) hidden[entry[1].life]++;
    }
    return { shown, hidden };
  }

  function showProcesses(state, row) {
    const body = player.querySelector(".processes tbody");
    const { shown, hidden } = chosen(state, row);
    const lines = shown.map(([name, process]) => {
      const { kind, text } = slider.describe(process);
      const line = element(
        "tr",
        { "data-process": name },
        element("th", { scope: "row" }, slider.capital(slider.plain(name).replace(/^the /, ""))),
        element("td", {}, element("span", { class: `state ${kind}` }, text)),
        element("td", {}, descriptorList(name, process, row)),
      );
      if (name === row.process) line.classList.add("now");
      else if (name === row.object) line.classList.add("too");
      return line;
    });
    const rest = hidden.zombie + hidden.gone + hidden.alive;
    if (rest > 0) {
      const parts = [];
      if (hidden.alive) parts.push(`${hidden.alive} alive`);
      if (hidden.zombie) parts.push(slider.number(hidden.zombie, "zombie"));
      if (hidden.gone) parts.push(`${hidden.gone} gone`);
      lines.push(element("tr", { class: "rest" }, element("td", { colspan: "3" }, `and ${rest} more: ${parts.join(", ")}`)));
    }
    body.replaceChildren(...lines);
  }

  // The cursor is a line at 0, the marks have the number of their row, the lanes the name of their process.
  const cursor = svg.querySelector('[id$="cursor"]');
  const drawing = svg.closest(".scroll");
  function showPicture(n) {
    for (const old of svg.querySelectorAll(".row-now, .lane-now")) old.classList.remove("row-now", "lane-now");
    for (const mark of svg.querySelectorAll(`[data-row="${n}"]`)) mark.classList.add("row-now");
    for (const lane of svg.querySelectorAll(`[data-process="${rows[n].process}"]`)) lane.classList.add("lane-now");
    if (!cursor || !(places[n] >= 0)) return;
    cursor.style.display = "inline";
    cursor.setAttribute("transform", along === "x" ? `translate(${places[n]} 0)` : `translate(0 ${places[n]})`);
    if (along === "x" && drawing.scrollWidth > drawing.clientWidth) { // on a narrow page the picture scrolls along
      const x = places[n] * (svg.getBoundingClientRect().width / svg.viewBox.baseVal.width);
      if (x < drawing.scrollLeft + 40 || x > drawing.scrollLeft + drawing.clientWidth - 40) {
        const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
        drawing.scrollTo({ left: x - drawing.clientWidth / 2, behavior: calm ? "instant" : "smooth" });
      }
    }
  }

  // What comes before and after, each a link.
  function showNearby(n) {
    const list = player.querySelector(".nearby");
    const first = Math.max(0, Math.min(n - 2, rows.length - 5));
    const state = stateAt(first - 1);
    const items = [];
    for (let i = first; i < Math.min(first + 5, rows.length); i++) {
      const item = element("li", { value: i + 1 }, element("a", { href: `#event=${i + 1}` }, slider.sentence(state, rows[i])));
      if (i === n) item.setAttribute("aria-current", "step");
      items.push(item);
      slider.apply(state, rows[i]);
    }
    list.replaceChildren(...items);
  }

  let settle = 0;
  function show(n) {
    n = Math.max(0, Math.min(rows.length - 1, n));
    if (n === now) return;
    now = n;
    const state = stateAt(n);
    range.value = n + 1;
    range.setAttribute("aria-valuetext", `event ${n + 1} of ${rows.length}`);
    player.querySelector(".event").textContent = `Event ${n + 1} of ${rows.length}`;
    player.querySelector(".time").textContent = slider.formatTime(rows[n].time);
    player.querySelector(".sentence").textContent = sentenceAt(n);
    for (const name of ["children", "zombies", "signals", "lost", "descriptors"]) {
      const box = player.querySelector(`[data-count="${name}"]`);
      box.textContent = state[name];
      box.parentElement.classList.toggle("some", state[name] > 0);
    }
    player.querySelector(".over").hidden = !state.over;
    showProcesses(state, rows[n]);
    showPicture(n);
    showNearby(n);
    for (const button of player.querySelectorAll("button[data-to]")) {
      const backward = ["first", "turn-back", "back"].includes(button.dataset.to);
      button.setAttribute("aria-disabled", n === (backward ? 0 : rows.length - 1));
    }
    clearTimeout(settle);
    settle = setTimeout(() => {
      try {
        history.replaceState(null, "", `#event=${now + 1}`);
      } catch {
        // too often for this browser: the address stays as it is
      }
    }, 150);
  }

  function turn(step) {
    let n = now + step;
    while (n > 0 && n < rows.length - 1 && !slider.isTurn(rows[n])) n += step;
    return n;
  }

  const moves = {
    first: () => 0,
    "turn-back": () => turn(-1),
    back: () => now - 1,
    on: () => now + 1,
    "turn-on": () => turn(1),
    last: () => rows.length - 1,
  };

  function fromAddress() {
    const match = /^#event=(\d+)$/.exec(location.hash);
    return match ? Number(match[1]) - 1 : null;
  }

  range.min = 1;
  range.max = rows.length;
  range.addEventListener("input", () => show(Number(range.value) - 1));
  player.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-to]");
    if (button) show(moves[button.dataset.to]());
    const link = event.target.closest('.nearby a[href^="#event="]');
    if (link) {
      event.preventDefault();
      show(Number(link.hash.slice("#event=".length)) - 1);
      range.focus({ preventScroll: true });
    }
  });

  // A click into the picture goes to the nearest event there: of the process on whose lane it was, if it was.
  svg.addEventListener("click", (event) => {
    const lane = event.target.closest("[data-process]");
    const mark = event.target.closest("[data-row]");
    if (mark && !lane) {
      show(Number(mark.dataset.row));
      return;
    }
    const { [along]: place } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let nearest = -1;
    rows.forEach((row, i) => {
      if (lane && row.process !== lane.dataset.process) return;
      if (nearest === -1 || Math.abs(places[i] - place) < Math.abs(places[nearest] - place)) nearest = i;
    });
    if (nearest !== -1) show(nearest);
  });

  const KEYS = { ArrowLeft: "back", ArrowRight: "on", PageUp: "turn-back", PageDown: "turn-on", Home: "first", End: "last" };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const inside = event.target.closest(".controls");
    const arrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (!(event.key in KEYS) || (!inside && (!arrow || event.target.closest("input, select, textarea, .scroll")))) return;
    event.preventDefault();
    show(moves[KEYS[event.key]]());
  });
  addEventListener("resize", () => showPicture(now));
  addEventListener("hashchange", () => {
    const n = fromAddress();
    if (n !== null) show(n);
  });

  for (const part of player.querySelectorAll("[hidden][data-live]")) part.hidden = false;
  show(fromAddress() ?? 0);
  window.slider = { ...slider, rows, stateAt, sentenceAt, show, at: () => now };
}
