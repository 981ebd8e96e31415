// The page: what its controls do, from a text to its sound, its words and its figures.

import { Player } from "./player.js";
import { Prompt } from "./prompt.js";
import { RATE, SpeechError, file, ready, rememberKey, speak, voices } from "./speech.js";
import { Voices, facts, hue, shownName } from "./voices.js";
import { Waveform } from "./waveform.js";
import { Follower } from "./words.js";

const at = (id) => document.getElementById(id);
const READY_AGAIN_MS = 1000;
const LARGEST_FILE = 1_000_000; // bytes of a text
const SAMPLE = (name) => `Hello, I am ${name}, and this is how I sound.`;

const player = new Player(RATE);
const sampler = new Player(RATE);
const waveform = new Waveform(at("waveform"));
const cast = new Voices(at("voices"));
const prompt = new Prompt(at("prompt"), complain);
let follower = null; // of what is spoken
let asking = null; // AbortController of what is being made
let last = null; // body of the request that was spoken last
let figures = {};

// ---------------------------------------------------------------------------------------- speaking

function wanted() {
    const text = at("text").value;
    if (!text.trim()) throw new SpeechError("There is no text yet. Type one, or open a text file.");
    const seed = Number(at("seed").value);
    if (!Number.isSafeInteger(seed) || seed < 0) throw new SpeechError("The seed is a whole number from 0 up.");
    const speed = Number(at("speed").value);
    return { model: "lfsc-tts", input: text, voice: cast.chosen?.id ?? "", speed, seed, ...prompt.fields() };
}

async function begin() {
    complain("");
    stop();
    const control = (asking = new AbortController());
    try {
        last = wanted();
        follower = new Follower(last.input);
        figures = { asked_ms: performance.now() };
        waveform.clear();
        tell(`Speaking as ${shownName(last.voice)}.`);
        player.open().catch(complain); // in the click, or the browser lets it not sound
        await hear(last, player, control.signal, ({ samples, words }) => {
            if (words) return follower.add(words);
            waveform.add(samples, RATE);
            figures.made_ms = performance.now() - figures.asked_ms;
        });
    } catch (error) {
        if (control.signal.aborted) return;
        if (player.length) player.end(); // what came before is still heard
        else stop();
        complain(error);
    } finally {
        if (asking === control) asking = null;
        show();
    }
}

/** Have a text spoken into a player; `notice` gets what `speak` yields. */
async function hear(body, into, signal, notice = () => {}) {
    for await (const piece of speak(body, signal)) {
        if (signal.aborted) return;
        if (piece.samples) into.push(piece.samples);
        notice(piece);
    }
    into.end();
}

function stop() {
    asking?.abort();
    asking = null;
    sampler.close();
    if (player.state !== "playing" && player.state !== "paused") return;
    player.close();
    waveform.clear();
    figures = {};
}

async function sample(row) {
    complain("");
    stop();
    const control = (asking = new AbortController());
    try {
        sampler.open().catch(complain);
        await hear({ input: SAMPLE(shownName(row.id)), voice: row.id }, sampler, control.signal);
    } catch (error) {
        if (control.signal.aborted) return;
        at("voices").close(); // the message is behind it
        complain(error);
    } finally {
        if (asking === control) asking = null;
    }
}

async function download() {
    const button = at("download");
    complain("");
    button.disabled = true;
    try {
        const format = at("format").value;
        const blob = await file(last ?? wanted(), format);
        const link = Object.assign(document.createElement("a"), {
            href: URL.createObjectURL(blob),
            download: `speech.${format === "opus" ? "ogg" : format}`,
        });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
        tell(`Downloaded as ${format}.`);
    } catch (error) {
        complain(error);
    } finally {
        button.disabled = false;
    }
}

// ---------------------------------------------------------------------------------------- showing

/** Say something to a screen reader, once. */
function tell(message) {
    at("status").textContent = message;
}

/** Show what went wrong; an empty message takes it away. */
function complain(error) {
    at("error").textContent = error.message ?? error;
    if (error.status === 401) {
        at("key-form").hidden = false;
        at("key").focus();
    }
}

function clock(seconds) {
    return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function show() {
    const { position_s, length_s, state } = player;
    const busy = Boolean(asking) || state === "playing" || state === "paused";
    at("speak").textContent = busy ? "Stop" : "Speak";
    at("toggle").setAttribute("aria-label", { empty: "Speak", playing: "Pause" }[state] ?? "Play");
    at("toggle").dataset.state = state;
    const position = at("position");
    position.disabled = !length_s;
    position.max = length_s;
    position.value = position_s;
    position.setAttribute("aria-valuetext", `${clock(position_s)} of ${clock(length_s)}`);
    at("time").textContent = length_s ? `${clock(position_s)} / ${clock(length_s)}` : "0:00";
    waveform.draw(position_s, length_s);
    showFigures(position_s, length_s);
    showWord(follower && state !== "ended" && length_s ? follower.at(position_s) : null);
}

function showFigures(position_s, length_s) {
    if (position_s > 0 && figures.first_ms === undefined && player.state === "playing")
        figures.first_ms = performance.now() - position_s * 1000 - figures.asked_ms;
    at("first").textContent = figures.first_ms === undefined ? "–" : `${Math.round(figures.first_ms)} ms`;
    at("factor").textContent = figures.made_ms && length_s ? (figures.made_ms / 1000 / length_s).toFixed(3) : "–";
    at("length").textContent = length_s ? `${length_s.toFixed(1)} s` : "–";
}

let shownMark = null;

/** Mark a word of the text, in a copy that lies behind it letter by letter. */
function showWord(mark) {
    const text = at("text").value;
    const found = mark && text === last?.input ? mark : null; // the text may have been changed since
    if (found === shownMark && found) return;
    shownMark = found;
    const [start, end] = found ? [found.start, found.end] : [0, 0];
    const word = document.createElement("mark");
    word.textContent = text.slice(start, end);
    // The line feed makes room for an empty last line, as a text field does.
    at("shown").replaceChildren(text.slice(0, start), ...(found ? [word] : []), `${text.slice(end)}\n`);
    if (found) keepInView(word);
}

function keepInView(word) {
    const { top, bottom } = word.getBoundingClientRect();
    const dock = document.querySelector(".dock").getBoundingClientRect().top;
    if (top < 0 || bottom > dock) word.scrollIntoView({ block: "center" });
}

let running = false;

/** Show again and again while something is heard. */
function run() {
    if (running) return;
    running = true;
    const step = () => {
        show();
        running = player.state === "playing" || Boolean(asking);
        if (running) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
}

player.addEventListener("change", () => {
    show(); // before it is told, so that what is told is what is seen
    if (player.state === "paused") tell("Paused.");
    if (player.state === "ended") tell(`Finished, ${player.length_s.toFixed(1)} seconds.`);
    run();
});

// ---------------------------------------------------------------------------------------- controls

function written() {
    const { length } = at("text").value;
    at("count").textContent = length === 1 ? "1 character" : `${length} characters`;
    showWord(null);
}

async function openText(chosen) {
    if (!chosen) return;
    if (chosen.size > LARGEST_FILE) {
        complain(`${chosen.name} has ${chosen.size} bytes; expected a text of ${LARGEST_FILE} at most.`);
        return;
    }
    complain("");
    at("text").value = await chosen.text();
    at("text-file").value = ""; // so that the same file can be chosen again
    written();
}

at("text").addEventListener("input", written);
at("text").addEventListener("focus", ({ target }) => target.select(), { once: true }); // the example gives way
at("speak").addEventListener("click", () => (at("speak").textContent === "Stop" ? (stop(), show()) : begin()));
at("toggle").addEventListener("click", () => {
    if (player.state === "empty") begin();
    else if (player.state === "playing") player.pause();
    else player.play();
});
at("position").addEventListener("input", ({ target }) => player.seek(Number(target.value)).then(show));
at("download").addEventListener("click", download);
at("speed").addEventListener("input", ({ target }) => {
    at("speed-shown").textContent = `${Number(target.value).toFixed(2)}×`;
});
at("open-text").addEventListener("click", () => at("text-file").click());
at("text-file").addEventListener("change", ({ target }) => openText(target.files[0]));
at("choose-voice").addEventListener("click", () => cast.open());
at("voices").addEventListener("close", () => sampler.state !== "empty" && stop());
cast.addEventListener("sample", ({ detail }) => sample(detail));
cast.addEventListener("choose", () => {
    const row = cast.chosen;
    at("voice-name").textContent = shownName(row.id);
    at("voice-about").textContent = facts(row);
    at("choose-voice").style.setProperty("--hue", hue(row.id));
    prompt.offer(Boolean(row.accepts_prompt));
});
at("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    rememberKey(at("key").value);
    at("key-form").hidden = true;
    meet();
});

document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !at("voices").open) begin();
    if (event.key === "Escape" && !at("voices").open) (stop(), show());
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
        const files = event.dataTransfer?.types.includes("Files");
        document.body.classList.toggle("dropping", Boolean(files) && (kind === "dragenter" || kind === "dragover"));
        if (!files) return; // text goes into the field by itself
        event.preventDefault();
        if (kind === "drop") openText(event.dataTransfer.files[0]);
    });
}
new ResizeObserver(show).observe(at("waveform"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

// ---------------------------------------------------------------------------------------- beginning

/** Ask who can speak. */
async function meet() {
    complain("");
    try {
        cast.fill(await voices());
    } catch (error) {
        complain(error);
    }
}

/** Say how the server is, until it is ready. */
async function watch() {
    const warm = await ready().catch(() => null);
    const state = warm ? "ready" : warm === null ? "away" : "warming";
    at("server").dataset.state = state;
    at("server").textContent = { ready: "ready", away: "not reachable", warming: "warming up" }[state];
    if (!warm) setTimeout(watch, READY_AGAIN_MS);
}

written();
meet();
watch();
