// Shows the scripts of a page in the page, as they stand there.
for (const place of document.querySelectorAll('[data-shows]')) {
	const lines = document.getElementById(place.dataset.shows).textContent.split('\n');
	const filled = lines.filter((line) => line.trim());
	const indent = Math.min(...filled.map((line) => line.length - line.trimStart().length));
	place.textContent = lines.map((line) => line.slice(indent)).join('\n').trim();
}
