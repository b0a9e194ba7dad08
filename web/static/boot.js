// Runs before the program has arrived: the person's theme without a flash, forms
// that the browser does not send, true progress, and a plain sentence when
// WebAssembly cannot run, a script is missing, or the program has ended.
(function () {
  try {
    var kept = JSON.parse(localStorage.getItem("leveret.preferences") || "{}");
    if (kept.theme === "light" || kept.theme === "dark") {
      document.documentElement.setAttribute("data-theme", kept.theme);
    }
  } catch (e) {
    // Storage is blocked: the system's theme will do.
  }

  // No form of this page is ever sent by the browser, also not while the program
  // that takes what stands in them has not arrived.
  document.addEventListener("submit", function (event) { event.preventDefault(); }, true);

  // The smallest module there is: where it does not compile, nothing does.
  function canCompile() {
    try {
      return typeof WebAssembly === "object" && !!new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    } catch (e) {
      return false;
    }
  }

  function fail(technical) {
    var loader = document.getElementById("app-wasm-loader");
    if (!loader || loader.className === "failed") return;
    loader.className = "failed"; // hides the progress, which go-app still writes to
    loader.setAttribute("role", "alert");
    var say = function (text, className) {
      var line = document.createElement("p");
      line.textContent = text;
      line.className = className;
      loader.appendChild(line);
    };
    if (!canCompile()) {
      say("This page needs WebAssembly, which this browser does not have or does not allow here. Allow it for this site, or open the page in another browser.", "loader-sentence");
    } else {
      say("The page could not be loaded. Check the connection to the server, then reload.", "loader-sentence");
    }
    if (technical && !/%/.test(technical)) say(technical, "loader-technical");
  }

  // A program that has ended cannot say so itself, and the page would look alive.
  function tellWhenItEnds() {
    var run = Go.prototype.run;
    Go.prototype.run = function (instance) {
      return run.call(this, instance).finally(function () {
        var line = document.createElement("p");
        line.className = "no-script";
        line.setAttribute("role", "alert");
        line.textContent = "The page has stopped because of a mistake in its program. Copy what you still need, then reload.";
        document.body.appendChild(line);
      });
    };
  }

  var missing = "";
  window.addEventListener("error", function (event) {
    if (event.target && event.target.tagName === "SCRIPT") missing = event.target.src;
  }, true);

  document.addEventListener("DOMContentLoaded", function () {
    if (!canCompile() || missing) {
      fail(missing && "Missing: " + missing);
      return;
    }
    tellWhenItEnds();
    var label = document.getElementById("app-wasm-loader-label");
    var icon = document.getElementById("app-wasm-loader-icon");
    var bar = document.getElementById("app-wasm-loader-bar");
    if (!label || !icon || !bar) return;
    new MutationObserver(function () {
      var percent = /(\d+)\s*%/.exec(label.textContent);
      if (percent) bar.value = Math.min(100, Number(percent[1]));
    }).observe(label, { childList: true, characterData: true, subtree: true });
    // go-app changes the icon's class when loading has failed.
    new MutationObserver(function () { fail(label.textContent); }).observe(icon, { attributes: true });
  });
})();
