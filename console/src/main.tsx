import '@patternfly/react-core/dist/styles/base.css'
import './console.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createBrowserRouter, RouterProvider } from 'react-router'
import { queries } from './api/query'
import { routes } from './routes'
import { SESSION } from './shell/session'

// A session that has ended is noticed by whoever asks next.
queries.getQueryCache().subscribe(({ type, query }) => {
  if (type !== 'updated' || query.state.status !== 'error' || query.queryKey[0] === SESSION[0]) return
  if (query.state.error?.status === 401) void queries.invalidateQueries({ queryKey: SESSION })
})

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={createBrowserRouter(routes)} />
      </QueryClientProvider>
    </StrictMode>,
  )
}
