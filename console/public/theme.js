// Runs before anything is drawn, so that a dark page does not flash white.
;(function () {
  var wanted = localStorage.getItem('gabion.theme')
  var dark = wanted === 'dark' || (wanted !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.classList.toggle('pf-v6-theme-dark', dark)
})()
