// Plays samples as they come, through Web Audio: every piece begins at the sample at which the one before ends.
//
// The context runs at the rate of the samples, so that the browser resamples one long sound and no piece has seams.
// Nothing here needs a secure context, unlike an AudioWorklet: it works over plain http too.

const LEAD_S = 0.03; // between scheduling a sound and its beginning, after silence
const REST_MS = 1000; // from the end to letting the sound card rest, as it holds some sound back

/** One speech at a time. Dispatches "change" when it begins, pauses, goes on or ends. */
export class Player extends EventTarget {
    constructor(rate) {
        super();
        this.rate = rate;
        this.context = null; // made at the first click: browsers let none sound before
        this.clear();
    }

    clear() {
        this.silence();
        this.pieces = []; // Float32Array, all that came
        this.length = 0; // samples of them
        this.origin_s = null; // of the context's clock, when sample 0 was or would have been heard; null = not yet
        this.cursor_s = 0; // of the context's clock, when the next piece begins
        this.complete = false;
        this.gaps = 0; // times that the sound ran out
        this.state = "empty"; // playing, paused, ended
    }

    /** Begin with a new speech; call it in the event of a click or a key. */
    async open() {
        this.context ??= new AudioContext({ sampleRate: this.rate, latencyHint: "interactive" });
        this.clear();
        this.become("playing");
        await this.context.resume();
    }

    /** Some more of it. */
    push(samples) {
        if (!samples.length) return;
        this.pieces.push(samples);
        this.length += samples.length;
        this.schedule(samples);
    }

    /** No more will come. */
    end() {
        this.complete = true;
        this.settle();
    }

    /** Forget it. */
    async close() {
        this.clear();
        this.become("empty");
        await this.context?.suspend();
    }

    async pause() {
        if (this.state !== "playing") return;
        this.become("paused");
        await this.context.suspend(); // the clock stops, and all that is scheduled with it
    }

    async play() {
        if (this.state === "ended") return this.seek(0);
        if (this.state !== "paused") return;
        this.become("playing");
        await this.context.resume();
    }

    /** Go on from a place in what has come, seconds; paused if it was. */
    async seek(position_s) {
        if (this.state === "empty" || this.origin_s === null) return;
        this.silence();
        const first = Math.min(Math.max(0, Math.round(position_s * this.rate)), this.length);
        this.cursor_s = this.context.currentTime + LEAD_S;
        this.origin_s = this.cursor_s - first / this.rate;
        let begin = 0;
        for (const piece of this.pieces) {
            const skipped = Math.max(0, first - begin);
            if (skipped < piece.length) this.schedule(skipped ? piece.subarray(skipped) : piece);
            begin += piece.length;
        }
        if (this.state !== "ended") return;
        this.become("playing");
        await this.context.resume();
    }

    silence() {
        for (const source of this.sources ?? []) source.disconnect();
        this.sources = new Set();
    }

    schedule(samples) {
        const now_s = this.context.currentTime;
        if (this.origin_s === null || this.cursor_s < now_s) {
            if (this.origin_s !== null) this.gaps++;
            // The beginning, or the sound ran out: what comes is heard later by as much.
            const begin_s = now_s + LEAD_S;
            this.origin_s = this.origin_s === null ? begin_s : this.origin_s + begin_s - this.cursor_s;
            this.cursor_s = begin_s;
        }
        const buffer = this.context.createBuffer(1, samples.length, this.rate);
        buffer.copyToChannel(samples, 0);
        const source = this.context.createBufferSource();
        source.buffer = buffer;
        source.connect(this.context.destination);
        source.onended = () => this.sources.delete(source) && this.settle();
        source.start(this.cursor_s);
        this.sources.add(source);
        this.cursor_s += samples.length / this.rate;
    }

    settle() {
        if (!this.complete || this.sources.size || this.state !== "playing") return;
        this.become("ended");
        setTimeout(() => this.state === "ended" && this.context.suspend(), REST_MS);
    }

    become(state) {
        this.state = state;
        this.dispatchEvent(new Event("change"));
    }

    /** Seconds of the speech that have been heard. */
    get position_s() {
        if (this.state === "ended") return this.length_s;
        if (this.origin_s === null) return 0;
        const heard_s = this.context.currentTime - (this.context.outputLatency || 0) - this.origin_s;
        return Math.min(Math.max(0, heard_s), this.length_s);
    }

    /** Seconds that have come. */
    get length_s() {
        return this.length / this.rate;
    }
}
