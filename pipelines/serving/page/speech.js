// Asking the server: voices, speech as server-sent events (pcm and the times of words), and speech as a file.

export const RATE = 24000; // Hz, of the samples of `speak`
const KEY = "lfsc-tts key"; // in the storage of this tab, which ends with it

/** What the server, or the way to it, did not give; `status` is HTTP's, 0 where there was no answer. */
export class SpeechError extends Error {
    constructor(message, status = 0) {
        super(message);
        this.status = status;
    }
}

/** Remember the API key in this tab. */
export function rememberKey(key) {
    sessionStorage.setItem(KEY, key);
}

/** Who can speak, as GET /v1/audio/voices lists them. */
export async function voices() {
    return (await (await ask("v1/audio/voices")).json()).voices;
}

/** Whether the server is warm. */
export async function ready() {
    return (await fetch(here("ready"))).ok;
}

/** A text spoken into a file: the samples of `speak`, with the tags that say that the speech is synthetic. */
export async function file(body, format, signal) {
    const answer = await ask("v1/audio/speech", { ...body, response_format: format, stream: false }, signal);
    return answer.blob();
}

/**
 * Speak a text. Yields {samples: Float32Array} at RATE and {words}, the server's events of words, as they come.
 */
export async function* speak(body, signal) {
    const wanted = { response_format: "pcm", sample_rate: RATE, stream_format: "sse", timestamps: true };
    const answer = await ask("v1/audio/speech", { ...body, ...wanted }, signal);
    const decoder = new PcmDecoder();
    for await (const event of events(answer.body)) {
        if (event.type === "speech.audio.delta") yield { samples: decoder.push(event.audio) };
        if (event.type === "speech.audio.words") yield { words: event };
        if (event.type === "speech.audio.error") throw new SpeechError(event.error.message);
        if (event.type === "speech.audio.done") return;
    }
    throw new SpeechError("The connection was cut, so the speech is not complete. Try again.");
}

function here(path) {
    return new URL(path, document.baseURI); // below a proxy's prefix too
}

async function ask(path, body, signal) {
    const key = sessionStorage.getItem(KEY);
    const headers = { ...(key && { authorization: `Bearer ${key}` }), ...(body && { "content-type": "application/json" }) };
    const options = body ? { method: "POST", body: JSON.stringify(body) } : {};
    let answer;
    try {
        answer = await fetch(here(path), { ...options, headers, signal });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new SpeechError("The server cannot be reached. Is it still running?");
    }
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => null); // a proxy's error is no JSON
    throw new SpeechError(said?.error?.message ?? `The server answered ${answer.status}.`, answer.status);
}

async function* events(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
        const { done, value } = await reader.read().catch((error) => {
            if (error.name === "AbortError") throw error;
            return { done: true };
        });
        if (done) return;
        const parts = (text + value).split("\n\n");
        text = parts.pop();
        for (const part of parts) if (part.startsWith("data: {")) yield JSON.parse(part.slice(6));
    }
}

/** Base64 of 16-bit little-endian samples -> floats in [-1, 1). A piece may end within a sample. */
class PcmDecoder {
    rest = "";

    push(base64) {
        const bytes = this.rest + atob(base64);
        const samples = new Float32Array(bytes.length >> 1);
        for (let i = 0; i < samples.length; i++) {
            const value = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
            samples[i] = (value < 32768 ? value : value - 65536) / 32768;
        }
        this.rest = bytes.slice(2 * samples.length);
        return samples;
    }
}
