// Swagger UI on /api/openapi.json. Where that wants a token, a form asks for an account; the token stays in memory.
const form = document.getElementById('login')
let token = ''

const authorized = (headers) => (token ? { ...headers, Authorization: `Bearer ${token}` } : headers)

// Shows the description, or the form where it wants a token.
async function show() {
	const answer = await fetch('../openapi.json', { headers: authorized({}) })
	form.hidden = answer.status !== 401
	if (!answer.ok) return
	window.SwaggerUIBundle({
		spec: await answer.json(),
		dom_id: '#api',
		deepLinking: true,
		docExpansion: 'none',
		filter: true,
		validatorUrl: null,
		requestInterceptor: (request) => ({ ...request, headers: authorized(request.headers) }),
	})
}

form.addEventListener('submit', async (event) => {
	event.preventDefault()
	const answer = await fetch('../rpc/login', {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify(Object.fromEntries(new FormData(form))),
	})
	const body = await answer.json()
	form.elements.password.value = ''
	document.getElementById('refusal').textContent = answer.ok ? '' : (body.message ?? 'Not logged in.')
	if (!answer.ok) return
	token = body.token
	await show()
})

show()
