// Before the first paint, so that a page of the chosen theme does not flash in the other.
try {
  const theme = localStorage.getItem("parley.theme");
  if (theme === '"light"' || theme === '"dark"') {
    document.documentElement.dataset.theme = JSON.parse(theme);
  }
} catch {
  // Storage is not allowed here: the system's theme it is.
}
