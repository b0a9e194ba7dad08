// Runs before the program has arrived: the person's theme without a flash, forms
// that the browser does not send, true progress, and a plain sentence when
// WebAssembly cannot run.
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

  function fail(loader, sentence, technical) {
    loader.className = "failed";
    loader.setAttribute("role", "alert");
    var label = document.getElementById("app-wasm-loader-label");
    label.textContent = sentence;
    if (technical) {
      var detail = document.createElement("p");
      detail.className = "loader-technical";
      detail.textContent = technical;
      loader.appendChild(detail);
    }
  }

  document.addEventListener("DOMContentLoaded", function () {
    var loader = document.getElementById("app-wasm-loader");
    if (!loader) return;
    if (typeof WebAssembly !== "object") {
      fail(loader, "This page needs WebAssembly, which this browser does not have or has switched off. Allow WebAssembly for this site, or open the page in another browser.");
      return;
    }
    var label = document.getElementById("app-wasm-loader-label");
    var bar = document.getElementById("app-wasm-loader-bar");
    var watch = new MutationObserver(function () {
      var text = label.textContent;
      var percent = /(\d+)\s*%/.exec(text);
      if (percent) {
        bar.value = Math.min(100, Number(percent[1]));
        return;
      }
      // go-app writes an error where the progress stood.
      watch.disconnect();
      var blocked = /CompileError|unsafe-eval|Content Security|disallowed/i.test(text);
      fail(
        loader,
        blocked
          ? "The browser does not let this page run WebAssembly. Allow it for this site, or open the page in another browser."
          : "The page could not be loaded. Check the connection to the server, then reload.",
        text
      );
    });
    watch.observe(label, { childList: true, characterData: true, subtree: true });
  });
})();
