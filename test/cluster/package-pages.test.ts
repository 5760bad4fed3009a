import { testPage } from './page-project.js'

testPage('docs/tutorial.md')
testPage('docs/library.md')
testPage('docs/recipes.md')
