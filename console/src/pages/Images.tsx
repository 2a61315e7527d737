import { Body, Header } from '../shell/Header'
import { ImageList } from './images/ImageList'

export function Component() {
  return (
    <>
      <Header title="Images" about="Every image by digest: what runs, what was scanned, and what is open in it." />
      <Body>
        <ImageList order="-running" />
      </Body>
    </>
  )
}
