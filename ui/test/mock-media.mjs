// Real video for the mock server: cuts clips into one-frame fragments for live, and into two-second segments for HLS.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const run = (args) => execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", ...args], { maxBuffer: 1 << 28 });

/** Top-level boxes of an MP4 as [type, bytes]. */
function* boxes(buffer, start = 0, end = buffer.length) {
  for (let at = start; at + 8 <= end; ) {
    const size = buffer.readUInt32BE(at);
    yield [buffer.toString("latin1", at + 4, at + 8), buffer.subarray(at, at + size), at];
    at += size;
  }
}

function findBox(buffer, path, start = 0, end = buffer.length) {
  for (const [type, bytes, at] of boxes(buffer, start, end)) {
    if (type !== path[0]) continue;
    return path.length === 1 ? [at, bytes] : findBox(buffer, path.slice(1), at + 8, at + bytes.length);
  }
  return undefined;
}

/** A clip as live source: init segment, codec string, and one fragment per picture. */
function liveClip(file) {
  const mp4 = run(["-i", file, "-an", "-c", "copy", "-movflags", "frag_every_frame+empty_moov+default_base_moof", "-f", "mp4", "-"]);
  const init = [];
  const fragments = [];
  let moof;
  for (const [type, bytes] of boxes(mp4)) {
    if (type === "ftyp" || type === "moov") init.push(bytes);
    else if (type === "moof") moof = bytes;
    else if (type === "mdat") fragments.push(Buffer.concat([moof, bytes]));
  }
  const head = Buffer.concat(init);
  const avcC = head.indexOf("avcC") + 4;
  const codec = `avc1.${head.subarray(avcC + 1, avcC + 4).toString("hex")}`;
  const time = (f) => {
    const [at] = findBox(f, ["moof", "traf", "tfdt"]);
    return { at: at + 12, value: f.readUInt8(at + 8) === 1 ? f.readBigUInt64BE(at + 12) : BigInt(f.readUInt32BE(at + 12)), wide: f.readUInt8(at + 8) === 1 };
  };
  const first = time(fragments[0]).value;
  const step = time(fragments[1]).value - first;
  const length = time(fragments.at(-1)).value - first + step;
  return {
    init: head,
    mime: `video/mp4; codecs="${codec}"`,
    count: fragments.length,
    /** Picture `n` of an endless repetition, with times that go on. */
    fragment(n) {
      const copy = Buffer.from(fragments[n % fragments.length]);
      const t = time(copy);
      const value = t.value + BigInt(Math.floor(n / fragments.length)) * length;
      if (t.wide) copy.writeBigUInt64BE(value, t.at);
      else copy.writeUInt32BE(Number(value & 0xffffffffn), t.at);
      return copy;
    },
  };
}

function hlsClip(file, dir, name) {
  run(["-i", file, "-an", "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", `${name}-init.mp4`, "-hls_segment_filename", join(dir, `${name}-%d.m4s`), join(dir, `${name}.m3u8`)]);
  const count = readdirSync(dir).filter((f) => f.startsWith(`${name}-`) && f.endsWith(".m4s")).length - 1; // the last one is short
  return { init: readFileSync(join(dir, `${name}-init.mp4`)), count, segment: (i) => readFileSync(join(dir, `${name}-${i % count}.m4s`)) };
}

/** An hour of small pictures, one a second, made of the clip again and again. */
function previewClip(file, dir, name) {
  const out = join(dir, `${name}-preview.mp4`);
  run(["-stream_loop", "-1", "-i", file, "-an", "-vf", "scale=320:180,setpts=N/TB", "-r", "1", "-frames:v", "3600", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "32", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p", "-movflags", "faststart", out]);
  return readFileSync(out);
}

/** Clips by name with stills, from $NIGHTJAR_TESTDATA/videos or, without footage, from ffmpeg's own test picture. */
export function loadClips() {
  const data = process.env.NIGHTJAR_TESTDATA ?? "../../shared/testdata";
  const dir = mkdtempSync(join(tmpdir(), "nightjar-ui-"));
  const clips = {};
  for (const name of ["pedestrians_sub", "parking_sub", "counter_sub"]) {
    let file = join(data, "videos", `${name}.mp4`);
    if (!existsSync(file)) {
      console.warn(`mock: ${file} is absent, using a drawn picture`);
      file = join(dir, `${name}-source.mp4`);
      run(["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15:duration=20", "-c:v", "libx264", "-g", "30", "-bf", "0", "-pix_fmt", "yuv420p", file]);
    }
    const stills = [2, 5, 9, 13, 17].map((t) => run(["-ss", String(t), "-i", file, "-frames:v", "1", "-q:v", "4", "-f", "mjpeg", "-"]));
    clips[name] = { live: liveClip(file), hls: hlsClip(file, dir, name), stills, preview: previewClip(file, dir, name) };
  }
  return { clips, dir };
}
