"use strict";
(() => {
  const root = document.documentElement;
  const element = (id) => document.getElementById(id);
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const rows = JSON.parse(element("rows").textContent);
  const [solid, flat] = [element("solid"), element("flat")];

  // --- coordinates --------------------------------------------------------------------------------------------

  const unpacked = (text) => {
    if (!text) return null;
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 2 }, (_, at) => view.getInt16(2 * at, true));
  };
  const [pose, source, camera] = ["pose", "source", "camera"].map((name) => unpacked(rows[name]));
  const [seen, detected, sourceSeen] = ["seen", "detected", "source_seen"].map((name) => unpacked(rows[name]));
  const joints = rows.joints.length;
  // A row's points, each a list of numbers: millimetres to metres, or 1/8192 half image widths to one.
  const points = (all, row, axes, unit) =>
    Array.from({ length: joints }, (_, joint) =>
      Array.from({ length: axes }, (_, axis) => all[(row * joints + joint) * axes + axis] / unit));
  const middle = (places) =>
    [0, 1, 2].map((axis) => {
      const values = places.map((place) => place[axis]);
      return (Math.min(...values) + Math.max(...values)) / 2;
    });

  // --- what is shown ------------------------------------------------------------------------------------------

  const START = { yaw: (-25 * Math.PI) / 180, pitch: (12 * Math.PI) / 180, zoom: 1 };
  const REACH = 1.25; // metres about the body's middle that the view shows each way, at a zoom of 1
  const view = { ...START };
  let [shown, at] = [[...Array(rows.count).keys()], 0];
  const laid = { source: false, detected: false }; // what is laid over the pose
  const current = () => shown[at];

  // As stick.py: right, down and away of a level frame's point; a positive yaw turns the near side right.
  const turned = ([x, y, z]) => {
    const [across, away] = [x * Math.cos(view.yaw) - z * Math.sin(view.yaw), x * Math.sin(view.yaw) + z * Math.cos(view.yaw)];
    return [across, y * Math.cos(view.pitch) - away * Math.sin(view.pitch), away * Math.cos(view.pitch) + y * Math.sin(view.pitch)];
  };

  const fitted = (canvas) => {
    const [ratio, box] = [window.devicePixelRatio || 1, canvas.getBoundingClientRect()];
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, box.width, box.height);
    [pen.lineCap, pen.lineJoin] = ["round", "round"];
    return [pen, box.width, box.height];
  };
  const stroke = (pen, from, to, name, width) => {
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    [pen.strokeStyle, pen.lineWidth] = [colour(name), width];
    pen.stroke();
  };

  const drawSolid = () => {
    const [pen, width, height] = fitted(solid);
    if (!shown.length) return;
    const row = current();
    const body = points(pose, row, 3, 1000);
    const about = middle(body);
    const scale = (Math.min(width, height) / 2 / REACH) * view.zoom;
    const place = (point) => {
      const [x, y, away] = turned(point.map((value, axis) => value - about[axis]));
      return [width / 2 + scale * x, height / 2 + scale * y, away];
    };
    drawFloor(pen, place, about, Math.max(...body.map((joint) => joint[1])));
    if (laid.source) drawBody(pen, points(source, row, 3, 1000).map(place), scale, 0.35);
    drawBody(pen, body.map(place), scale, 1);
    drawCamera(pen, place, about, row);
    solid.setAttribute("aria-label", `Row ${rows.row[row]} in 3D`);
  };
  const drawFloor = (pen, place, about, floor) => {
    const line = (near, far) => stroke(pen, place(near).slice(0, 2), place(far).slice(0, 2), "rule", 1);
    for (let step = -0.75; step <= 0.75; step += 0.25) {
      line([about[0] + step, floor, about[2] - 0.75], [about[0] + step, floor, about[2] + 0.75]);
      line([about[0] - 0.75, floor, about[2] + step], [about[0] + 0.75, floor, about[2] + step]);
    }
  };
  const drawBody = (pen, places, scale, alpha) => {
    const bones = rows.parents.map((parent, joint) => [parent, joint]).filter(([parent]) => parent >= 0);
    const far = ([parent, joint]) => places[parent][2] + places[joint][2];
    bones.sort((a, b) => far(b) - far(a));
    const thick = Math.max(3, 0.045 * scale);
    pen.globalAlpha = alpha;
    for (const [parent, joint] of bones) {
      const ends = [places[parent].slice(0, 2), places[joint].slice(0, 2)];
      if (alpha === 1) stroke(pen, ...ends, "panel", thick + 3); // a gap where a near bone crosses a far one
      stroke(pen, ...ends, rows.sides[joint - 1], thick);
    }
    pen.globalAlpha = 1;
  };
  const drawCamera = (pen, place, about, row) => {
    const full = [0, 1, 2].map((axis) => camera[3 * row + axis] / 1000 - about[axis]);
    const length = Math.hypot(...full);
    const near = full.map((value) => (value / length) * Math.min(length, 1.15));
    const from = place(about.map((value, axis) => value + near[axis]));
    if (Math.hypot(from[0] - solid.clientWidth / 2, from[1] - solid.clientHeight / 2) < 16) return; // it looks at us
    // A pyramid whose base is across the line of sight, in the level frame.
    const across = [near[2], 0, -near[0]].map((value) => value / (Math.hypot(near[0], near[2]) || 1));
    const cross = [1, 2, 0].map((i, k) => near[i] * across[(k + 2) % 3] - near[(k + 2) % 3] * across[i]);
    const upward = cross.map((value) => value / (Math.hypot(...cross) || 1));
    const corners = [[1, 1], [1, -1], [-1, -1], [-1, 1]].map(([u, v]) =>
      place(about.map((value, axis) => value + near[axis] * 0.9 + 0.08 * u * across[axis] + 0.06 * v * upward[axis])));
    corners.forEach((corner, number) => {
      stroke(pen, from.slice(0, 2), corner.slice(0, 2), "third", 1.6);
      stroke(pen, corner.slice(0, 2), corners[(number + 1) % 4].slice(0, 2), "third", 1.6);
    });
  };

  const drawFlat = () => {
    const [pen, width, height] = fitted(flat);
    if (!shown.length) return;
    const row = current();
    const aspect = rows.aspect[row];
    const scale = Math.min(width / 2, height / 2 / aspect) * 0.94;
    const place = ([x, y]) => [width / 2 + scale * x, height / 2 + scale * y];
    pen.fillStyle = colour("paper");
    pen.fillRect(...place([-1, -aspect]), 2 * scale, 2 * aspect * scale);
    [pen.strokeStyle, pen.lineWidth] = [colour("muted"), 1];
    pen.strokeRect(...place([-1, -aspect]), 2 * scale, 2 * aspect * scale);
    const bones = (places, alpha) => {
      pen.globalAlpha = alpha;
      rows.parents.forEach((parent, joint) => {
        if (parent >= 0) stroke(pen, places[parent], places[joint], rows.sides[joint - 1], Math.max(2, 0.02 * scale));
      });
      pen.globalAlpha = 1;
    };
    if (laid.source) bones(points(sourceSeen, row, 2, 8192).map(place), 0.3);
    bones(points(seen, row, 2, 8192).map(place), 1);
    for (const [x, y] of laid.detected ? points(detected, row, 2, 8192).map(place) : []) {
      pen.beginPath();
      pen.arc(x, y, 3, 0, 2 * Math.PI);
      [pen.strokeStyle, pen.lineWidth] = [colour("ink"), 1.2];
      pen.stroke();
    }
    flat.setAttribute("aria-label", `Row ${rows.row[row]} in its camera's frame`);
  };
  const draw = () => { drawSolid(); drawFlat(); };

  // --- the row's facts ----------------------------------------------------------------------------------------

  const whole = (number) => number.toLocaleString("en");
  const degrees = (number) => `${number}°`.replace("-", "−");
  const label = (name, row) => rows[name] && rows[name].names[rows[name].codes[row]];
  const FACTS = [
    ["Row", (row) => whole(rows.row[row])],
    ["Kind", (row) => rows.kind && (rows.kind[row] ? "learned: the augmentor’s" : "drawn")],
    ["Source pose", (row) => rows.source_index && whole(rows.source_index[row]) + (rows.mirrored[row] ? ", mirrored" : "")],
    ["Subject", (row) => label("subject", row)],
    ["Action", (row) => label("action", row)],
    ["Depth", (row) => `${rows.depth[row].toFixed(2)} m`],
    ["Camera elevation", (row) => degrees(rows.elevation[row])],
    ["Camera azimuth", (row) => rows.azimuth && degrees(rows.azimuth[row])],
    ["Camera roll", (row) => degrees(rows.roll[row])],
    ["3D score", (row) => rows.score_3d && rows.score_3d[row].toFixed(2)],
    ["2D score", (row) => rows.score_2d && rows.score_2d[row].toFixed(2)],
    ["Difficulty", (row) => rows.difficulty && `${rows.difficulty[row].toFixed(2)} ×`],
    ["Angle change", (row) => rows.kind && rows.kind[row] ? rows.angle_change[row].toFixed(3) : null],
  ];
  const tell = () => {
    const list = element("row-facts");
    list.replaceChildren();
    for (const [name, value] of shown.length ? FACTS : []) {
      const text = value(current());
      if (text === null || text === undefined) continue;
      const [term, description] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, description.textContent] = [name, text];
      description.dir = "auto";
      list.append(term, description);
    }
    const place = shown.length ? `Row ${whole(rows.row[current()])}, ${at + 1} of ${shown.length}` : "No row fits";
    element("told").textContent = place;
    element("count").textContent = `${shown.length ? at + 1 : 0} of ${shown.length}` + (shown.length < rows.count ? ` (of ${rows.count})` : "");
    for (const id of ["previous", "next"]) element(id).disabled = shown.length < 2;
  };
  const show = () => { tell(); draw(); };
  const step = (by) => {
    if (shown.length) at = (at + by + shown.length) % shown.length;
    show();
  };

  // --- filters ------------------------------------------------------------------------------------------------

  const ORDERS = [
    ["as in the file", null, 1],
    ["hardest first", "difficulty", -1],
    ["easiest first", "difficulty", 1],
    ["least plausible first", "score_3d", 1],
    ["most plausible first", "score_3d", -1],
    ["most bent first", "angle_change", -1],
  ].filter(([, column]) => column === null || rows[column]);
  const RANGES = [["score_3d", "3D score"], ["difficulty", "Difficulty"]].filter(([column]) => rows[column]);
  const ends = {};

  const filter = () => {
    const kept = shown.length ? current() : 0;
    const kind = element("kind").value;
    const fits = (row) =>
      (kind === "" || rows.kind[row] === Number(kind)) &&
      RANGES.every(([column]) => rows[column][row] >= ends[column].from.value - 1e-9 && rows[column][row] <= Number(ends[column].to.value) + 1e-9);
    const [, column, sign] = ORDERS[element("order").selectedIndex];
    shown = [...Array(rows.count).keys()].filter(fits);
    if (column) shown.sort((a, b) => sign * (rows[column][a] - rows[column][b]) || a - b);
    at = Math.max(0, column ? 0 : shown.indexOf(kept));
    show();
  };
  const addRange = ([column, title]) => {
    const [fieldset, legend] = [document.createElement("fieldset"), document.createElement("legend")];
    const [least, most] = [Math.min(...rows[column]), Math.max(...rows[column])];
    const perUnit = 10 ** Math.ceil(-Math.log10(Math.max(most - least, 0.2) / 20)); // steps of 0.01, 0.1, 1, …: 20 to 200
    const [low, high] = [Math.floor(least * perUnit) / perUnit, Math.ceil(most * perUnit) / perUnit];
    legend.textContent = title;
    fieldset.append(legend);
    ends[column] = {};
    for (const [name, value] of [["from", low], ["to", high]]) {
      const [field, input, output] = ["label", "input", "output"].map((tag) => document.createElement(tag));
      Object.assign(input, { type: "range", min: low, max: high, step: 1 / perUnit, id: `${column}-${name}` });
      input.value = value;
      input.setAttribute("aria-label", `${title}, ${name}`);
      output.htmlFor = input.id;
      output.textContent = Number(input.value).toFixed(2);
      input.addEventListener("input", () => {
        output.textContent = Number(input.value).toFixed(2);
        filter();
      });
      field.append(name, input, output);
      fieldset.append(field);
      ends[column][name] = input;
    }
    element("ranges").append(fieldset);
  };

  // --- hands --------------------------------------------------------------------------------------------------

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const turn = (yaw, pitch) => {
    view.yaw += yaw;
    view.pitch = clamp(view.pitch + pitch, -Math.PI / 2, Math.PI / 2);
    drawSolid();
  };
  const zoom = (factor) => {
    view.zoom = clamp(view.zoom * factor, 0.4, 6);
    drawSolid();
  };
  const reset = () => { Object.assign(view, START); drawSolid(); };
  const asCamera = () => { // level frames are turned about the line of sight alone, so the camera is straight before them
    if (!shown.length) return;
    const [x, y, z] = [0, 1, 2].map((axis) => camera[3 * current() + axis]);
    view.yaw = Math.atan2(x, -z);
    view.pitch = Math.atan2(-y, Math.hypot(x, z));
    drawSolid();
  };
  const lay = (what, all) => {
    if (!all) return; // nobody knows it
    laid[what] = !laid[what];
    element(`with-${what}`).setAttribute("aria-pressed", String(laid[what]));
    draw();
  };
  const [laySource, layDetected] = [() => lay("source", source), () => lay("detected", detected)];

  const KEYS = {
    ArrowRight: () => step(1), ArrowLeft: () => step(-1), Home: () => { at = 0; show(); }, End: () => { at = Math.max(0, shown.length - 1); show(); },
    "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15),
    r: reset, R: reset, c: asCamera, C: asCamera, s: laySource, S: laySource, d: layDetected, D: layDetected,
  };
  const SHIFTED = {
    ArrowRight: () => turn(0.15, 0), ArrowLeft: () => turn(-0.15, 0), ArrowUp: () => turn(0, -0.1), ArrowDown: () => turn(0, 0.1),
  };
  element("browser").addEventListener("keydown", (event) => {
    if (event.target.closest("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = (event.shiftKey && SHIFTED[event.key]) || KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  const pointers = new Map();
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  solid.addEventListener("pointerdown", (event) => {
    solid.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  solid.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = pointers.size === 2 ? spread() : 0;
    const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
    [last.x, last.y] = [event.clientX, event.clientY];
    if (pointers.size === 2 && before > 0) zoom(spread() / before);
    else turn(dx / 130, dy / 200);
  });
  for (const name of ["pointerup", "pointercancel"]) solid.addEventListener(name, (event) => pointers.delete(event.pointerId));
  solid.addEventListener("wheel", (event) => { // unless the view was chosen, a wheel scrolls the page past it
    if (document.activeElement !== solid && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 500));
  }, { passive: false });
  for (const [id, act] of [
    ["previous", () => step(-1)], ["next", () => step(1)], ["turn-left", () => turn(-0.3, 0)], ["turn-right", () => turn(0.3, 0)],
    ["nearer", () => zoom(1.25)], ["farther", () => zoom(0.8)], ["camera", asCamera], ["reset", reset],
    ["with-source", laySource], ["with-detected", layDetected],
  ]) element(id).addEventListener("click", act);

  // --- light and dark, print ----------------------------------------------------------------------------------

  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const themed = () => { element("theme").setAttribute("aria-pressed", String(isDark())); draw(); };
  element("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; themed(); });
  prefersDark.addEventListener("change", themed);
  const closed = new Set();
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) { closed.add(details); details.open = true; }
  });
  window.addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
    closed.clear();
  });

  // --- begin --------------------------------------------------------------------------------------------------

  for (const [title] of ORDERS) element("order").add(new Option(title));
  element("kind-label").hidden = !rows.kind || new Set(rows.kind).size < 2;
  element("with-source").hidden = !source;
  element("with-detected").hidden = !detected;
  RANGES.forEach(addRange);
  for (const id of ["order", "kind"]) element(id).addEventListener("change", filter);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  element("browser").hidden = element("theme").hidden = false;
  new ResizeObserver(draw).observe(solid.parentElement);
  show();
  themed();
})();
