// Owns the line to the agent: server-sent events over fetch, resumed by Last-Event-ID. It never gives up, and it says when the line is down.

const SILENCE_MS = 25000; // the agent beats every 15 s
const LONGEST_WAIT_MS = 5000;

export class Stream {
  constructor(handlers) {
    this.handlers = handlers;
    this.last = null;
    this.wait = 250;
  }

  async run() {
    for (;;) {
      try {
        await this.once();
      } catch (error) {
        if (!(error.name === "TypeError" || error.name === "AbortError" || error.message === "line")) console.error(error);
        this.handlers.lost();
      }
      await new Promise((done) => setTimeout(done, this.wait));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    }
  }

  async once() {
    if (this.last === null) this.last = await this.handlers.begin();
    const stop = new AbortController();
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => stop.abort(), SILENCE_MS);
    };
    alive();
    try {
      const response = await fetch("/v1/events", { headers: { "Last-Event-ID": String(this.last) }, signal: stop.signal });
      if (!response.ok) throw new Error("line");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let buffer = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) throw new Error("line");
        alive();
        const frames = (buffer + value).split("\n\n");
        buffer = frames.pop();
        for (const frame of frames) this.take(frame);
      }
    } finally {
      clearTimeout(watch);
      stop.abort();
    }
  }

  take(frame) {
    const field = {};
    for (const line of frame.split("\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) field[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
    }
    if (!field.event) return;
    const fact = JSON.parse(field.data);
    if (field.event === "live") this.wait = 250;
    if (field.event === "reset") this.last = fact.seq;
    if (field.id) this.last = Number(field.id); // also where showing it fails: one bad fact must not hold up the rest
    this.handlers[field.event]?.(fact);
  }
}
