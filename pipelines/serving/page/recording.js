// A recording of whose voice to speak in, from the microphone or a file, as a short WAV that every server reads.

const RATE = 24000; // Hz
export const LONGEST_S = 15;

/** Whether this browser lets this page record: a secure context (https, or this machine) and a microphone API. */
export function canRecord() {
    return Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);
}

/** Record until the returned `stop` is called, or for LONGEST_S: {stop, done}, where `done` gives a Blob. */
export async function record() {
    const sound = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: sound });
    const recorder = new MediaRecorder(stream);
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const done = new Promise((resolve) => {
        recorder.onstop = () => {
            for (const track of stream.getTracks()) track.stop();
            resolve(new Blob(parts, { type: recorder.mimeType }));
        };
    });
    recorder.start();
    const stop = () => recorder.state === "recording" && recorder.stop();
    setTimeout(stop, LONGEST_S * 1000);
    return { stop, done };
}

/**
 * Any audio the browser reads -> {wav: base64, length_s, whole_s}: 16-bit mono WAV of its first LONGEST_S.
 * Throws Error for what is no audio.
 */
export async function prepared(blob) {
    const context = new OfflineAudioContext(1, 1, RATE); // decoding resamples to its rate
    let audio;
    try {
        audio = await context.decodeAudioData(await blob.arrayBuffer());
    } catch {
        throw new Error("This is no audio that the browser can read; expected a WAV, MP3, FLAC, OGG or M4A file.");
    }
    const samples = new Float32Array(Math.min(audio.length, LONGEST_S * RATE));
    for (let channel = 0; channel < audio.numberOfChannels; channel++) {
        const data = audio.getChannelData(channel);
        for (let i = 0; i < samples.length; i++) samples[i] += data[i] / audio.numberOfChannels;
    }
    return { wav: base64(wav(samples)), length_s: samples.length / RATE, whole_s: audio.duration };
}

function wav(samples) {
    const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
    const tag = (at, name) => [...name].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    tag(0, "RIFF");
    view.setUint32(4, 36 + 2 * samples.length, true);
    tag(8, "WAVEfmt ");
    view.setUint32(16, 16, true); // bytes of the format
    view.setUint16(20, 1, true); // pcm
    view.setUint16(22, 1, true); // channel
    view.setUint32(24, RATE, true);
    view.setUint32(28, 2 * RATE, true); // bytes in a second
    view.setUint16(32, 2, true); // bytes of a frame
    view.setUint16(34, 16, true); // bits of a sample
    tag(36, "data");
    view.setUint32(40, 2 * samples.length, true);
    samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, sample)) * 32767, true));
    return new Uint8Array(view.buffer);
}

function base64(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
}
