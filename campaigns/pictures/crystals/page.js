"use strict";
/* Draws the crystals of this page with plotly.js, which the page carries compressed. */
(async () => {
  const { crystals, words } = JSON.parse(document.getElementById("crystals").textContent);
  const view = document.getElementById("view");
  let size = 1.7; /* corner to corner, in lengths of the longest side */
  let camera = home();
  let shown = null;

  /* Slightly from above; from further away for a crystal that is large, or a view that is narrow. */
  function home() {
    const far = (0.95 + 0.62 * size) / Math.min(1, (1.2 * view.clientWidth) / view.clientHeight);
    return { eye: { x: 0.26 * far, y: -0.94 * far, z: 0.22 * far }, up: { x: 0, y: 0, z: 1 },
      center: { x: 0, y: 0, z: 0 } };
  }

  function fail(text) {
    const trouble = document.getElementById("trouble");
    trouble.textContent = text;
    trouble.hidden = false;
    view.hidden = true;
  }

  async function loadLibrary() {
    const packed = Uint8Array.from(
      atob(document.getElementById("library").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  /* A ball of radius 1 from an icosahedron, each face cut into four `cuts` times. */
  function ball(cuts) {
    const t = (1 + Math.sqrt(5)) / 2;
    let points = [[-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0], [0, -1, t], [0, 1, t],
      [0, -1, -t], [0, 1, -t], [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1]];
    let faces = [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4],
      [11, 10, 2], [10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9],
      [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]];
    for (let cut = 0; cut < cuts; cut += 1) {
      const known = new Map();
      const between = (a, b) => {
        const key = a < b ? `${a},${b}` : `${b},${a}`;
        if (!known.has(key)) {
          known.set(key, points.length);
          points.push(points[a].map((value, axis) => (value + points[b][axis]) / 2));
        }
        return known.get(key);
      };
      faces = faces.flatMap(([a, b, c]) => {
        const [ab, bc, ca] = [between(a, b), between(b, c), between(c, a)];
        return [[a, ab, ca], [b, bc, ab], [c, ca, bc], [ab, bc, ca]];
      });
      points = points.map(unit);
    }
    return { points: points.map(unit), faces };
  }

  function unit(point) {
    const length = Math.hypot(...point);
    return point.map((value) => value / length);
  }

  function ballsOf(element, places, look, shape) {
    const trace = { type: "mesh3d", x: [], y: [], z: [], i: [], j: [], k: [], color: look.colour,
      hovertemplate: `${element}<extra></extra>`, flatshading: false,
      lighting: { ambient: 0.62, diffuse: 0.6, specular: 0.25, roughness: 0.5, fresnel: 0.1 },
      lightposition: { x: -200, y: -300, z: 400 } };
    places.forEach(([x, y, z]) => {
      const first = trace.x.length;
      shape.points.forEach(([px, py, pz]) => {
        trace.x.push(x + look.radius * px);
        trace.y.push(y + look.radius * py);
        trace.z.push(z + look.radius * pz);
      });
      shape.faces.forEach(([a, b, c]) => {
        trace.i.push(first + a); trace.j.push(first + b); trace.k.push(first + c);
      });
    });
    return trace;
  }

  function lines(pairs, colour, width) {
    const trace = { type: "scatter3d", mode: "lines", x: [], y: [], z: [], hoverinfo: "skip",
      line: { color: colour, width } };
    pairs.forEach(([one, two]) => {
      [one, two, [null, null, null]].forEach(([x, y, z]) => {
        trace.x.push(x); trace.y.push(y); trace.z.push(z);
      });
    });
    return trace;
  }

  function tracesOf(crystal, cells) {
    const { elements, positions, bonds } = cells;
    const shape = ball(positions.length > 150 ? 1 : 2);
    const traces = Object.entries(crystal.looks).map(([element, look]) =>
      ballsOf(element, positions.filter((_, n) => elements[n] === element), look, shape));
    traces.push(lines(bonds.map(([a, b]) => [positions[a], positions[b]]), "#6b6b6b", 6));
    traces.push(lines(cells.edges, "#222222", 3));
    return traces;
  }

  /* Ranges that hold every ball, the longest side of length one. */
  function sceneOf(cells) {
    const ranges = [0, 1, 2].map((axis) => {
      const all = [...cells.positions, ...cells.edges.flat()].map((point) => point[axis]);
      return [Math.min(...all) - 1.3, Math.max(...all) + 1.3];
    });
    const sides = ranges.map(([low, high]) => high - low);
    const longest = Math.max(...sides);
    size = Math.hypot(...sides) / longest;
    const axes = ranges.map((range) => ({ visible: false, showspikes: false, range }));
    return { aspectmode: "manual", dragmode: "orbit", camera,
      aspectratio: { x: sides[0] / longest, y: sides[1] / longest, z: sides[2] / longest },
      xaxis: axes[0], yaxis: axes[1], zaxis: axes[2] };
  }

  async function show() {
    const crystal = crystals[Number(document.getElementById("chooser").value)];
    const box = document.getElementById("supercell");
    box.disabled = !crystal.eight;
    const cells = box.checked && crystal.eight ? crystal.eight : crystal.one;
    const scene = sceneOf(cells);
    if (crystal !== shown) scene.camera = camera = home();
    shown = crystal;
    await window.Plotly.react(view, tracesOf(crystal, cells), {
      margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, paper_bgcolor: "#ffffff",
      scene,
    }, { responsive: true, displayModeBar: false, scrollZoom: true });
    describe(crystal);
    view.dataset.shown = crystal.name;
    view.dataset.atoms = String(cells.positions.length);
  }

  function describe(crystal) {
    document.getElementById("facts").textContent = crystal.text;
    const legend = document.getElementById("legend");
    legend.replaceChildren(...Object.entries(crystal.looks).map(([element, look]) => {
      const item = document.createElement("li");
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 20 20");
      svg.setAttribute("aria-hidden", "true");
      const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      Object.entries({ cx: 10, cy: 10, r: 8.5, fill: look.colour, stroke: "#222222" })
        .forEach(([key, value]) => dot.setAttribute(key, value));
      svg.append(dot);
      item.append(svg, element);
      return item;
    }));
  }

  /* Turn the eye about the upright axis and over it, or move it, as a key says. */
  function moved(eye, key) {
    const distance = Math.hypot(eye.x, eye.y, eye.z);
    let around = Math.atan2(eye.y, eye.x);
    let over = Math.asin(eye.z / distance);
    let far = distance;
    const step = Math.PI / 18;
    if (key === "ArrowLeft") around -= step;
    else if (key === "ArrowRight") around += step;
    else if (key === "ArrowUp") over = Math.min(over + step, 1.5);
    else if (key === "ArrowDown") over = Math.max(over - step, -1.5);
    else if (key === "+" || key === "=") far = Math.max(distance / 1.15, 0.3);
    else if (key === "-") far = Math.min(distance * 1.15, 8);
    else return null;
    return { x: far * Math.cos(over) * Math.cos(around), y: far * Math.cos(over) * Math.sin(around),
      z: far * Math.sin(over) };
  }

  async function press(key) {
    const now = view.layout?.scene?.camera ?? camera;
    if (key === "Home") camera = home();
    else {
      const eye = moved(now.eye, key);
      if (eye === null) return false;
      camera = { ...home(), center: now.center ?? home().center, eye };
    }
    await window.Plotly.relayout(view, { "scene.camera": camera });
    return true;
  }

  try {
    await loadLibrary();
    await show();
  } catch (error) {
    fail(`${words.trouble} (${error.message})`);
    return;
  }
  document.getElementById("chooser").addEventListener("change", show);
  document.getElementById("supercell").addEventListener("change", show);
  view.on("plotly_relayout", () => { camera = view.layout.scene.camera ?? camera; });
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "=", "-", "Home"].includes(event.key)) {
      event.preventDefault();
      press(event.key);
    }
  });
  document.querySelectorAll("button[data-key]").forEach((button) =>
    button.addEventListener("click", () => press(button.dataset.key)));
})();
