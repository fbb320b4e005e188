const express = require('express')

const app = express()
app.get('/', (_request, response) => response.send(`${process.env.GREETING} from express\n`))
app.listen(process.env.PORT)
