// The part of the page that takes a recording of whose voice to speak in; for voices that accept one.

import { LONGEST_S, canRecord, prepared, record } from "./recording.js";
import { SpeechError } from "./speech.js";

const INSECURE = "Recording needs https, or a server on this machine; a file can be chosen anyway.";

export class Prompt {
    /** `part` is the element, `complain` shows an error. */
    constructor(part, complain) {
        this.part = part;
        this.complain = complain;
        this.at = (id) => part.querySelector(`#${id}`);
        this.wav = null; // base64
        this.stop = null; // of a recording that is going on
        this.at("record").disabled = !canRecord();
        this.at("record").addEventListener("click", () => this.toggle());
        this.at("choose-recording").addEventListener("click", () => this.at("recording-file").click());
        this.at("recording-file").addEventListener("change", ({ target }) => this.take(target.files[0]));
        this.at("forget-recording").addEventListener("click", () => this.forget());
        if (!canRecord()) this.at("recording").textContent = INSECURE;
    }

    /** Show the part, or hide it for a voice that accepts no recording. */
    offer(accepted) {
        this.part.hidden = !accepted;
    }

    /** What the recording adds to a request; throws SpeechError without consent. */
    fields() {
        if (this.part.hidden || !this.wav) return {};
        if (!this.at("consent").checked)
            throw new SpeechError("Tick the box if whoever is heard has agreed, or remove the recording.");
        return { prompt: this.wav, consent: true };
    }

    async toggle() {
        if (this.stop) {
            this.stop();
            return;
        }
        this.complain("");
        try {
            const { stop, done } = await record();
            this.recording(stop);
            const blob = await done;
            this.recording(null);
            await this.take(blob);
        } catch (error) {
            this.recording(null);
            this.complain(`The microphone cannot be used: ${error.message}`);
        }
    }

    recording(stop) {
        this.stop = stop;
        this.at("record").textContent = stop ? "Stop recording" : "Record";
        this.at("record").classList.toggle("live", Boolean(stop));
        if (stop) this.at("recording").textContent = `Recording, ${LONGEST_S} seconds at most.`;
    }

    async take(blob) {
        if (!blob) return;
        this.complain("");
        try {
            const { wav, length_s, whole_s } = await prepared(blob);
            this.wav = wav;
            const cut = whole_s > length_s ? `The first ${length_s.toFixed(1)} of ${whole_s.toFixed(1)} seconds` : "";
            this.at("recording").textContent = `${cut || `${length_s.toFixed(1)} seconds`} will be used.`;
            this.at("forget-recording").hidden = false;
        } catch (error) {
            this.forget();
            this.complain(error);
        }
    }

    forget() {
        this.wav = null;
        this.at("recording-file").value = "";
        this.at("recording").textContent = "";
        this.at("consent").checked = false;
        this.at("forget-recording").hidden = true;
    }
}
